/* slice.h: bytes that belong to somebody else. */
#ifndef WIRE_SLICE_H
#define WIRE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *at;
    size_t n;
};

/* Equality with a string; slice_is_nocase for what the grammar calls case-insensitive (ASCII). */
static inline bool slice_is(struct slice s, const char *text) {
    return s.n == strlen(text) && memcmp(s.at, text, s.n) == 0;
}
static inline bool slice_is_nocase(struct slice s, const char *text) {
    return s.n == strlen(text) && strncasecmp(s.at, text, s.n) == 0;
}

#endif
