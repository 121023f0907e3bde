/* serve.h: one accepted connection becomes a process that serves it. */
#ifndef INIT_SERVE_H
#define INIT_SERVE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "connection_limits.h"
#include "listen.h"

/* Makes the environment of all that is started from now on: the given one without what another
 * superserver may have put there. Returns 0, or -1 when it is too large. */
int serve_prepare(char *const *environment);

/* `links`: links.h. Serves or refuses the connection `fd` of listener number `number`, and closes
 * it in this process. False when no process could be made: the client was refused, and others had
 * better wait. */
bool serve_connection(struct listener *l, unsigned number, int links,
                      const struct connection_limits *limits, int fd,
                      const struct sockaddr_storage *peer, int64_t now);

/* Tells all that is started from now on that /dev/log is this program's own (base/log.h): it is no
 * other place for a line that standard error did not take. */
void serve_own_syslog(void);

/* That environment, for the other processes that init starts. */
char *const *serve_environment(void);

#endif
