/* buf.h: text put together in storage of the caller's. Once a piece did not fit, the buffer is
 * `full` and takes nothing more: the caller asks once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *at;
    size_t cap, len;
    bool full;
};

#define BUF_ON(array) ((struct buf){.at = (array), .cap = sizeof(array)})

void buf_bytes(struct buf *b, const void *bytes, size_t n);
void buf_text(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a line of an error in a file: SOURCE:LINE: REASON, or with line 0 SOURCE: REASON. One that
 * does not fit is left out, whole, and the buffer is not full for that. */
void buf_error_line(struct buf *b, const char *source, size_t line, const char *reason);

/* The buffer's text with a NUL behind it, or NULL when it is full (the NUL counts). */
const char *buf_string(struct buf *b);

#endif
