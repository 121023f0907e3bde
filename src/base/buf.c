#include "base/buf.h"

#include <stdio.h>
#include <string.h>

void buf_bytes(struct buf *b, const void *bytes, size_t n) {
    if (b->full || n > b->cap - b->len) {
        b->full = true;
        return;
    }
    if (n > 0)
        memcpy(b->at + b->len, bytes, n);
    b->len += n;
}

void buf_text(struct buf *b, const char *text) { buf_bytes(b, text, strlen(text)); }

void buf_char(struct buf *b, char c) { buf_bytes(b, &c, 1); }

void buf_format(struct buf *b, const char *format, ...) {
    if (b->full)
        return;
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(b->at + b->len, b->cap - b->len, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= b->cap - b->len)
        b->full = true;
    else
        b->len += (size_t)n;
}

void buf_error_line(struct buf *b, const char *source, size_t line, const char *reason) {
    struct buf before = *b;
    if (line > 0)
        buf_format(b, "%s:%zu: %s\n", source, line, reason);
    else
        buf_format(b, "%s: %s\n", source, reason);
    if (b->full)
        *b = before;
}

const char *buf_string(struct buf *b) {
    if (b->full || b->len == b->cap)
        return NULL;
    b->at[b->len] = '\0';
    return b->at;
}
