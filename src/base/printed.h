/* printed.h: whether all that was printed has been written. */
#ifndef BASE_PRINTED_H
#define BASE_PRINTED_H

#include <stdbool.h>
#include <stdio.h>

/* Writes what a stream still holds. A write that failed before, when its buffer was full, shows in
 * the stream's error alone (ferror(3)). */
static inline bool printed_whole(FILE *to) { return fflush(to) == 0 && !ferror(to); }

#endif
