/* serve.h: one accepted connection becomes a process that serves it. */
#ifndef INIT_SERVE_H
#define INIT_SERVE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "connection_limits.h"
#include "listen.h"

/* Takes over the environment for all that is started from now on: without what another superserver
 * may have put there. Returns 0, or -1 when it is too large. */
int serve_prepare(char *const *environment);

/* Serves or refuses the connection `fd` of listener number `number`, and closes it here. False when
 * no process could be made: the client was refused, and others had better wait. */
bool serve_connection(struct listener *l, unsigned number,
                      const struct connection_limits_limits *limits, int fd,
                      const struct sockaddr_storage *peer, int64_t now);

/* /dev/log is ours from now on: what is started must not take it for a log when standard error
 * fails (base/log.h). */
void serve_own_syslog(void);

/* What serve_connection gives to a process, for others that init starts. */
char *const *serve_environment(void);

#endif
