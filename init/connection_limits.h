/* connection_limits.h: whether one more connection is served. Pure: it looks at the connections
 * that there are (connection.h) and at who keeps failing (penalty.h), and changes nothing.
 *
 * Of a listener there are MAX_CONNECTIONS at once, and MAX_CONNECTIONS_PER_ADDRESS of one client,
 * known and unknown together; only if all of them are known is a client refused for that. For
 * unknown ones there is less room:
 *   - those of an IPv6 network of 56 or 48 bits are at most two or three times as many as those of
 *     one client;
 *   - once old, they are at most half of all of these; above half of that half of MAX_CONNECTIONS
 *     each new connection puts an end to one of them, picked at random, with a chance that rises
 *     from 0 to 1.
 * Where there is no room, an old one makes it, picked at random; where all unknown ones are young,
 * the new one waits for its turn (waiting.h). So whoever has a credential finds room, though others
 * without one hold as many connections as they like, and though all have the same address.
 *
 * An exempt source (a trusted proxy) is judged by the listener's limit alone.
 *
 * The container's own health check comes from the loopback address, and finds room when all others
 * are refused: a server that has much to do is not a broken one, and must not be started anew for
 * it. */
#ifndef INIT_CONNECTION_LIMITS_H
#define INIT_CONNECTION_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

struct connection_limits {
    uint64_t all;         /* MAX_CONNECTIONS */
    uint64_t per_address; /* MAX_CONNECTIONS_PER_ADDRESS */
};

struct connection_request {
    unsigned listener;
    const struct source *source;
    bool is_admitted; /* it has its place at the listener, and only the client's limits count */
    bool has_waited;  /* its source's penalty is behind it, and so is the chance */
    uint32_t random;  /* any number: it decides what is decided at random */
};

struct connection_verdict {
    enum { CONNECTION_SERVE, CONNECTION_WAIT, CONNECTION_REFUSE } what;
    const char *reason;        /* for the log, of all but CONNECTION_SERVE */
    int64_t until;             /* of CONNECTION_WAIT: when to ask again, if no connection ends */
    bool is_penalty;           /* of CONNECTION_WAIT: that is not to be asked before */
    struct connection *victim; /* the one that has to be ended for it, or NULL */
};

struct connection_verdict connection_limits_judge(const struct connection_limits *limits,
                                                  const struct connection_request *request,
                                                  int64_t now);

#endif
