#include "wire/utf8.h"

size_t utf8_read(const char *in, size_t n, uint32_t *code) {
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } form[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    unsigned char first = (unsigned char)in[0];
    for (size_t len = 1; len <= 4; len++) {
        if ((first & form[len - 1].mask) != form[len - 1].lead)
            continue;
        if (n < len)
            return 0;
        uint32_t c = first & (unsigned char)~form[len - 1].mask;
        for (size_t i = 1; i < len; i++) {
            unsigned char next = (unsigned char)in[i];
            if ((next & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (next & 0x3f);
        }
        if (c < form[len - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return 0;
        *code = c;
        return len;
    }
    return 0;
}

size_t utf8_read_any(const char *in, size_t n, uint32_t *code) {
    size_t length = utf8_read(in, n, code);
    if (length > 0)
        return length;
    *code = 0xfffd;
    return 1;
}

void utf8_write(struct buf *b, uint32_t code) {
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    if (code < 0x80) {
        buf_char(b, (char)code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    buf_char(b, (char)(lead[more] | code >> 6 * more));
    while (more-- > 0)
        buf_char(b, (char)(0x80 | (code >> 6 * more & 0x3f)));
}

bool utf8_is_control(uint32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

bool utf8_is_plain(const char *in, size_t n) {
    uint32_t code;
    size_t at = 0;
    for (size_t length; at < n; at += length)
        if ((length = utf8_read(in + at, n - at, &code)) == 0 || utf8_is_control(code))
            return false;
    return n > 0;
}

bool utf8_is_valid(const char *in, size_t n) {
    uint32_t code;
    for (size_t length; n > 0; in += length, n -= length)
        if ((length = utf8_read(in, n, &code)) == 0)
            return false;
    return true;
}
