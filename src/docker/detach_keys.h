/* detach_keys.h: the keys that leave a terminal without ending what runs there: ctrl-p, ctrl-q
 * unless said otherwise. */
#ifndef DOCKER_DETACH_KEYS_H
#define DOCKER_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct docker_detach_keys {
    size_t n;    /* the keys of the sequence */
    size_t held; /* those of them that have been pressed so far, and are held back */
    char at[32];
};

/* Reads a list such as "ctrl-p,ctrl-q" or "a,ctrl-]"; an empty one means the usual keys. False
 * when it is no such list. */
bool docker_detach_keys_read(struct docker_detach_keys *k, const char *list);

/* Adds what was typed to `out`, but for keys that may be the sequence's beginning; those come
 * before the next byte that is not its next. `out` must have room for n and k->n bytes. True when
 * the sequence is complete: what was typed behind it is lost. */
bool docker_detach_keys_pass(struct docker_detach_keys *k, const char *typed, size_t n,
                             struct buf *out);

#endif
