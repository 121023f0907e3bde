/* random.h: random numbers of the kernel's. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* Fills `bytes` by getrandom(2); from /dev/urandom (random(4)) where the kernel is older than that
 * call, or a filter refuses it. Returns 0, or -1 with errno: there are none. */
int random_fill(void *bytes, size_t n);

#endif
