/* pages.h: memory that is needed seldom, or was needed for a while. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* For a struct's first member, or an array: makes it start with a page of its own, and the struct
 * end with one, so that pages_release gives back all of it. */
#define PAGES_ALIGNED _Alignas(4096)

/* Fresh pages, which read as zero, for n bytes that only some programs need: static storage would
 * count in each of them where memory is not given out beyond what there is, or the address space is
 * bounded (setrlimit(2), RLIMIT_AS). They are kept for good. NULL with errno when there are
 * none. */
void *pages_take(size_t n);

/* Gives static storage back to the kernel: it reads as zero from now on, and takes memory again
 * where it is written to. Secrets in it are overwritten by the caller first. */
void pages_release(void *at, size_t n);

/* Gives back what calls that have returned have left of the stack, as far as LIMIT_STACK_RELEASED
 * down: for a process that waits long in a frame that is higher up. */
void pages_release_stack(void);

#endif
