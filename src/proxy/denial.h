/* denial.h: a connection that is closed before any program serves it. */
#ifndef PROXY_DENIAL_H
#define PROXY_DENIAL_H

/* Writes the line of the log, unless process 1 counts it with others (base/init_link.h). `channel`
 * is proxy or mux; the texts are the caller's. Returns the exit status, 1. */
int proxy_deny(const char *channel, const char *peer, const char *reason);

#endif
