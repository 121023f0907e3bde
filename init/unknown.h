/* unknown.h: the end of connections whose client has shown no right credential: when their time is
 * over, or when they have to make room. Their whole process tree is killed. */
#ifndef INIT_UNKNOWN_H
#define INIT_UNKNOWN_H

#include <stdint.h>

#include "connection.h"
#include "listen.h"

/* When a new connection of that listener, which begins to be served now, is ended if it stays
 * unknown; unknown_tick is to be called by then. */
int64_t unknown_begin(const struct listener *l, int64_t now);

/* The same of one that is served already: its time begins anew. */
void unknown_restart(struct connection *c, const struct listener *l, int64_t now);

/* The connection's client was refused a request: it has some more time, once. */
void unknown_was_refused(struct connection *c, const struct listener *l);

/* Begins to end one, and notes it in the log with that reason. */
void unknown_end(struct connection *c, struct listener *l, const char *reason, int64_t now);

/* Ends those whose time is over, and kills those that unknown_end was called for: to be called
 * whenever something has happened, and at unknown_deadline at the latest. */
void unknown_tick(struct listener *listeners, int links, int64_t now);
int64_t unknown_deadline(void);

#endif
