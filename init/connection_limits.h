/* connection_limits.h: whether one more connection is served, by the limits of a listener and of an
 * address; and how a client is refused that is one too many. */
#ifndef INIT_CONNECTION_LIMITS_H
#define INIT_CONNECTION_LIMITS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "connection.h"
#include "limit.h"
#include "listen.h"

struct connection_limits {
    uint64_t all;         /* MAX_CONNECTIONS */
    uint64_t per_address; /* MAX_CONNECTIONS_PER_ADDRESS */
};

/* Finds out what the limit of an address counts a client as. */
void connection_limits_identify(struct connection_owner *o, const struct sockaddr_storage *peer);

/* The name of the limit that one more connection of `o` would exceed, as a reason for the log; or
 * NULL. */
const char *connection_limits_exceeded(const struct connection_limits *limits, unsigned listener,
                                       const struct connection_owner *o);

/* Refuses the client whose connection is `fd`: sends it l->refusal and closes the connection, in
 * two steps, so that the response is not lost. The log has at most one line a second of it for a
 * listener, with how many were refused since the last one. */
void connection_limits_refuse(struct listener *l, int fd, const char *peer, const char *reason,
                              int64_t now);

/* How many refused connections are not closed yet. */
unsigned connection_limits_waiting(void);

/* Fills in what to wait for, the first connection_limits_waiting() of `fds`, and returns a
 * deadline. */
int64_t connection_limits_watch(struct pollfd fds[LIMIT_TURNED_AWAY]);

/* To be called after that wait: reads and drops what has come, and closes what is done with. */
void connection_limits_ready(const struct pollfd fds[LIMIT_TURNED_AWAY], int64_t now);

#endif
