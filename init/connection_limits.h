/* connection_limits.h: who is served: the limits of a listener and of an address, and the end of
 * those who come on top. */
#ifndef INIT_CONNECTION_LIMITS_H
#define INIT_CONNECTION_LIMITS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "connection.h"
#include "limit.h"
#include "listen.h"

struct connection_limits_limits {
    uint64_t all;         /* MAX_CONNECTIONS */
    uint64_t per_address; /* MAX_CONNECTIONS_PER_ADDRESS */
};

void connection_limits_identify(struct connection_owner *o, const struct sockaddr_storage *peer);

/* NULL, or the limit that speaks against one more connection, as the log has it; good until the
 * next call. */
const char *connection_limits_refuse(const struct connection_limits_limits *limits,
                                     unsigned listener, const struct connection_owner *o);

/* Refuses the client whose connection is `fd`: tells it what the listener has for it and closes the
 * connection, in two steps, so that the answer is not lost. The log has a line of it, at most one a
 * second for a listener. */
void connection_limits_turn_away(struct listener *l, int fd, const char *peer, const char *reason,
                                 int64_t now);

/* How many have been refused and have not gone yet. */
unsigned connection_limits_waiting(void);

/* Fills in what to wait for, the first connection_limits_waiting() of `fds`, and returns a
 * deadline. */
int64_t connection_limits_watch(struct pollfd fds[LIMIT_TURNED_AWAY]);
/* Something came of them, or the deadline passed. */
void connection_limits_ready(const struct pollfd fds[LIMIT_TURNED_AWAY], int64_t now);

#endif
