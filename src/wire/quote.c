#include "wire/quote.h"

#include <stdint.h>
#include <stdio.h>

#include "wire/utf8.h"

enum { PIECE = 16 }; /* the longest form of one character: a surrogate pair's two \uXXXX */

static const char *short_form(char c) {
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return NULL;
    }
}

/* Each writes the form of one character that can't stand for itself, and gives the count of bytes
 * it stands for. */
static size_t text_piece(char out[PIECE], const char *in, size_t n) {
    (void)n;
    unsigned char c = (unsigned char)*in;
    snprintf(out, PIECE, "\\x%02x", c);
    return 1;
}

static size_t json_piece(char out[PIECE], const char *in, size_t n) {
    uint32_t code;
    size_t len = utf8_read(in, n, &code);
    if (len == 0) {
        snprintf(out, PIECE, "\\\\x%02x", (unsigned char)*in);
        return 1;
    }
    if (code >= 0x10000)
        snprintf(out, PIECE, "\\u%04x\\u%04x", 0xd7c0U + (unsigned)(code >> 10),
                 0xdc00U + (unsigned)(code & 0x3ff));
    else
        snprintf(out, PIECE, "\\u%04x", (unsigned)code);
    return len;
}

static void put_quotation(struct buf *b, const char *text, size_t n, size_t cap,
                          size_t (*piece)(char out[PIECE], const char *in, size_t n)) {
    buf_char(b, '"');
    size_t start = b->len;
    for (size_t i = 0; i < n;) {
        char long_form[PIECE];
        const char *form = short_form(text[i]);
        size_t step = 1;
        if (form == NULL && text[i] >= ' ' && text[i] <= '~') /* as it is, like nearly all */
            long_form[0] = text[i], long_form[1] = '\0';
        else if (form == NULL)
            step = piece(long_form, text + i, n - i);
        if (b->len - start + PIECE > cap || b->full) {
            buf_text(b, "...");
            break;
        }
        buf_text(b, form != NULL ? form : long_form);
        i += step;
    }
    buf_char(b, '"');
}

void quote_text(struct buf *b, const char *text, size_t n, size_t cap) {
    put_quotation(b, text, n, cap, text_piece);
}

void quote_json(struct buf *b, const char *text, size_t n, size_t cap) {
    put_quotation(b, text, n, cap, json_piece);
}
