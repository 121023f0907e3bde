/* http_monitor.h: the two processes of `bastion http` and `bastion cgi`: the front, a child that
 * parses what the client sends and can do nothing else, and this one, its monitor (core/monitor.h).
 */
#ifndef HTTP_HTTP_MONITOR_H
#define HTTP_HTTP_MONITOR_H

#include "core/front.h"

/* What the process was started for. */
struct http_connection {
    const char *channel; /* http or cgi */
    const char *peer;
    const char *user;         /* the name in the client's certificate, or empty */
    char *const *environment; /* the administrator's; an empty list where the client writes it */
    int (*serve)(struct front *f); /* the front: serves the connection; returns the exit status */
    /* NULL, unless the connection is not there yet: waits for it, as long as the front at this
     * socket's other end is there, fills in `peer` and `user`, and returns it; -1: there will be
     * none */
    int (*await)(int front);
};

/* Makes the front before a byte was read, confines it, and serves it as its monitor. Descriptors 0
 * and 1 are the front's alone from then on. Returns the exit status, which is the front's. */
int http_monitor_run(const struct http_connection *c);

#endif
