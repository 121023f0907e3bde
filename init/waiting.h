/* waiting.h: accepted connections that are not served yet: there is no room for them at the moment,
 * or connections from where they come keep failing. Not a byte of them is read meanwhile. */
#ifndef INIT_WAITING_H
#define INIT_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "source.h"

struct waiting {
    int fd;
    unsigned number; /* of its listener */
    struct sockaddr_storage peer;
    struct source source;
    const char *reason; /* why it is not served */
    bool is_penalty;    /* it waits for `again`, and for nothing else */
    bool has_waited;    /* such a time is over */
    int64_t again;      /* when to see whether it can be served, if not before */
    int64_t expiry;     /* when it is refused; without meaning while it is_penalty */
};

/* Adds one. Where there are too many, all together or of its client, the one that has waited for
 * room for the longest time has to go, a silent one before one that has spoken: somebody who is
 * really there is likelier to be among the others. Where none is waiting for room, that is the new
 * one. Returns whether one has to go, and has filled in *out then, which is not among them any
 * more. */
bool waiting_add(const struct waiting *w, struct waiting *out);

/* Whether bytes of the client's have come: how many the kernel has is known without reading them
 * (tcp(7), FIONREAD). Clients of every protocol here speak as soon as they can. */
bool waiting_has_spoken(const struct waiting *w);

size_t waiting_count(void);

/* The one of number i: a higher one is newer. Good until the next waiting_add or waiting_remove. */
struct waiting *waiting_at(size_t i);
void waiting_remove(size_t i);

/* The time at which one is to be looked at, though nothing happens before; or CLOCK_NEVER. */
int64_t waiting_deadline(void);

#endif
