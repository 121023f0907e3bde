/* serve.h: one accepted connection becomes a process that serves it. */
#ifndef INIT_SERVE_H
#define INIT_SERVE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "limit.h"
#include "listen.h"
#include "source.h"

/* Makes the environment of all that is started from now on: the given one without what another
 * superserver may have put there. Returns 0, or -1 when it is too large. */
int serve_prepare(char *const *environment);

/* Writes an address as the variables and the log have it. */
void serve_format_address(char out[LIMIT_PEER], unsigned *port, const struct sockaddr_storage *a);

/* `links`: links.h. Starts the process that serves the connection `fd` of listener number `number`,
 * and closes it in this process. False with errno when no process could be made: `fd` is still
 * open. */
bool serve_connection(const struct listener *l, unsigned number, int links, int fd,
                      const struct sockaddr_storage *peer, const struct source *source,
                      int64_t now);

/* Starts one that is to wait for a connection of the listener, with its end of a link, which stays
 * open here. Returns its process id, or -1 with errno. */
pid_t serve_spare(const struct listener *l, int link);

/* Tells all that is started from now on that /dev/log is this program's own (base/log.h): it is no
 * other place for a line that standard error did not take. */
void serve_own_syslog(void);

/* Tells the same of the ruleset of apart.h, by its variable, whose text may change. */
void serve_ruleset(char *variable);

/* That environment, for the other processes that init starts. */
char *const *serve_environment(void);

#endif
