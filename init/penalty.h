/* penalty.h: sources whose connections keep failing: they wait before they are served again.
 *
 * Each failure makes a source owe some time, which passes by itself; so much of it is no matter,
 * and of what is more a part has to be waited for at each connection. Nobody is shut out: many
 * clients may have one address, that of a proxy or of an engine, and the one who fails need not be
 * the one who comes next.
 *
 * A bounded table: where it is full, who owes the least is forgotten. */
#ifndef INIT_PENALTY_H
#define INIT_PENALTY_H

#include <stdint.h>

#include "source.h"

/* A connection from there has failed: `ms` more are owed, by the client and by the networks that it
 * is in. The loopback address never owes anything: the health check comes from there; nor does a
 * trusted proxy, from which everybody comes. */
void penalty_charge(const struct source *s, int64_t ms, int64_t now);

/* A credential from there was right: that client owes nothing any more. */
void penalty_forgive(const struct source *s);

/* The milliseconds that a connection from there has to wait, or 0. */
int64_t penalty_wait(const struct source *s, int64_t now);

#endif
