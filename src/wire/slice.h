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

/* The text without the byte order mark that some editors put in front of UTF-8 (U+FEFF). */
static inline struct slice slice_without_mark(struct slice s) {
    bool has = s.n >= 3 && memcmp(s.at, "\xef\xbb\xbf", 3) == 0;
    return has ? (struct slice){s.at + 3, s.n - 3} : s;
}

/* The rest of the slice, without the characters of `set` at its front, or at its end. */
static inline struct slice slice_trim_front(struct slice s, const char *set) {
    while (s.n > 0 && memchr(set, s.at[0], strlen(set)) != NULL)
        s.at++, s.n--;
    return s;
}
static inline struct slice slice_trim_end(struct slice s, const char *set) {
    while (s.n > 0 && memchr(set, s.at[s.n - 1], strlen(set)) != NULL)
        s.n--;
    return s;
}

/* Takes the first line, less its newline, off *rest, of which there must be some. The last line
 * may lack the newline. */
static inline struct slice slice_take_line(struct slice *rest) {
    const char *newline = memchr(rest->at, '\n', rest->n);
    struct slice line = {rest->at, newline != NULL ? (size_t)(newline - rest->at) : rest->n};
    rest->at += line.n + (newline != NULL);
    rest->n -= line.n + (newline != NULL);
    return line;
}

#endif
