/* pages.h: memory that was needed for a while. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* For a struct's first member, or an array: makes it start with a page of its own, and the struct end with one, so that
 * pages_release gives back all of it. */
#define PAGES_ALIGNED _Alignas(4096)

/* Gives static storage back to the kernel: it reads as zero from now on, and takes memory again where it is written to. Secrets in
 * it are overwritten by the caller first. */
void pages_release(void *at, size_t n);

#endif
