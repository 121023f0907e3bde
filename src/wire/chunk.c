#include "wire/chunk.h"

#include "base/num.h"
#include "limit.h"
#include "wire/http1.h"

/*  state      byte        next
 *  SIZE       hex digit   SIZE         CR (after a digit) SIZE_LF     ; (after a digit) EXTENSION
 *  EXTENSION  text        EXTENSION    CR SIZE_LF
 *  SIZE_LF    LF          DATA, or LINE after a size of 0
 *  DATA       any, left   DATA, then DATA_CR
 *  DATA_CR    CR          DATA_LF
 *  DATA_LF    LF          SIZE
 *  LINE       CR (first)  END_LF       field text LINE     CR LINE_LF
 *  LINE_LF    LF          LINE
 *  END_LF     LF          END
 *  Anything else is no chunked body: a bare LF anywhere, a space around the size, a trailer line
 * without a colon. */
enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, LINE, LINE_LF, END_LF, END };

enum { MOST_DIGITS = 15 }; /* below 2^60, so that no sum of sizes overflows */

bool chunk_ended(const struct chunk *c) { return c->state == END; }

static bool is_text(char c) { return http1_is_value((struct slice){&c, 1}); }

static bool size_byte(struct chunk *c, char byte) {
    int digit = num_hex_digit((unsigned char)byte);
    if (digit >= 0) {
        c->left = c->left << 4 | (uint64_t)digit;
        return ++c->digits <= MOST_DIGITS;
    }
    c->state = byte == '\r' ? SIZE_LF : EXTENSION;
    return c->digits > 0 && (byte == '\r' || byte == ';');
}

static bool trailer_byte(struct chunk *c, char byte) {
    if (++c->trailers > LIMIT_TRAILERS)
        return false;
    if (byte == '\r') {
        c->state = c->line == 0 ? END_LF : LINE_LF;
        return c->line == 0 || c->named;
    }
    bool starts_value = byte == ':' && c->line > 0;
    if (!c->named && !starts_value && !http1_is_token((struct slice){&byte, 1}))
        return false;
    c->named = c->named || starts_value;
    c->line++;
    return is_text(byte);
}

/* One byte outside of the content. */
static bool framing_byte(struct chunk *c, char byte) {
    switch (c->state) {
    case SIZE: return size_byte(c, byte);
    case EXTENSION:
        if (byte == '\r')
            c->state = SIZE_LF;
        return ++c->extensions <= LIMIT_CHUNK_EXTENSION && (byte == '\r' || is_text(byte));
    case SIZE_LF: c->state = c->left > 0 ? DATA : LINE; return byte == '\n';
    case DATA_CR: c->state = DATA_LF; return byte == '\r';
    case DATA_LF:
        c->state = SIZE;
        c->digits = 0;
        return byte == '\n';
    case LINE: return trailer_byte(c, byte);
    case LINE_LF:
        c->state = LINE;
        c->line = 0;
        c->named = false;
        return byte == '\n';
    default: /* END_LF */ c->state = END; return byte == '\n';
    }
}

ssize_t chunk_read(struct chunk *c, const char *in, size_t n, struct slice *data) {
    *data = (struct slice){in, 0};
    size_t used = 0;
    while (used < n && c->state != END) {
        if (c->state == DATA) {
            size_t piece = c->left < n - used ? (size_t)c->left : n - used;
            *data = (struct slice){in + used, piece};
            c->left -= piece;
            if (c->left == 0)
                c->state = DATA_CR;
            return (ssize_t)(used + piece);
        }
        if (!framing_byte(c, in[used++]))
            return -1;
    }
    return (ssize_t)used;
}

size_t chunk_head(char out[CHUNK_HEAD], size_t n) {
    size_t at = CHUNK_HEAD;
    out[--at] = '\n';
    out[--at] = '\r';
    for (; n > 0; n >>= 4)
        out[--at] = "0123456789abcdef"[n & 15];
    return CHUNK_HEAD - at;
}
