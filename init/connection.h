/* connection.h: the connections that are being served.
 *
 * A connection is unknown until the process that serves it says that a credential was right
 * (base/init_link.h). One that is unknown is young at first, which is the time for a login; then it
 * is old, and makes room where that is needed (connection_limits.h, unknown.h). */
#ifndef INIT_CONNECTION_H
#define INIT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "source.h"

enum connection_state {
    CONNECTION_UNKNOWN,
    CONNECTION_KNOWN,
    CONNECTION_LEFT,  /* it has ended, but a run of it goes on: it counts for no limit */
    CONNECTION_ENDING /* it was unknown, and is being ended: only its end counts */
};

struct connection {
    pid_t pid;        /* its first process, which leads its session */
    int link;         /* this process's end of its link (links.h), or -1 */
    int64_t since;    /* when it began to be served (base/clock.h) */
    int64_t deadline; /* unknown.h's: when it is ended, or when that is tried again */
    struct source source;
    unsigned char listener; /* its number */
    unsigned char state;
    bool has_keeper;  /* a run may outlive it (base/init_link.h) */
    bool was_refused; /* it has asked whether a refusal may be logged */
    /* of a trusted proxy's that has not said yet whom it speaks for (room.h): */
    bool is_proxied;
    bool has_waited; /* that client has */
    int64_t expiry;  /* when that client is refused who waits for room; 0 before it does */
};

/* Whether there is no room for one more. */
bool connection_is_full(void);

/* Adds a connection, for which there must be room. Its link is the connection's own from now on. */
void connection_add(const struct connection *c);

/* The connection of which `pid` is the first process, or which has that link; NULL where there is
 * none. Good until the next connection_add or connection_remove. */
struct connection *connection_find(pid_t pid);
struct connection *connection_of_link(int link);

/* Whether `pid` is the first process of a connection. */
bool connection_has(pid_t pid);

void connection_remove(struct connection *c);

/* Forgets those of which only a run was left that has ended now. */
void connection_forget_left(void);

/* The first of all *count connections, of every listener, in no order; as long as above. */
struct connection *connection_all(size_t *count);

/* ---- of one listener: all, or those that `near` is near to ---- */

struct connection_set {
    unsigned listener;
    const struct source *near; /* NULL: all */
    enum source_level level;   /* how near */
};

struct connection_count {
    size_t known, young, old, ending;
    int64_t next_old; /* when the first of the young ones is old, or CLOCK_NEVER */
};
struct connection_count connection_count(const struct connection_set *set, int64_t now);

/* The old one of number n, from 0, in no order. There must be as many. */
struct connection *connection_old(const struct connection_set *set, size_t n, int64_t now);

#endif
