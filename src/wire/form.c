#include "wire/form.h"

#include "base/num.h"

/* Takes the next byte of a value: a plus is a space, and %XX a byte. -1: it is none. */
static int take_byte(struct slice *rest) {
    char c = rest->at[0];
    size_t n = c == '%' ? 3 : 1;
    int high = 0, low = c == '+' ? ' ' : (unsigned char)c;
    if (rest->n < n || c == '&')
        return -1;
    if (c == '%') {
        high = num_hex_digit((unsigned char)rest->at[1]);
        low = num_hex_digit((unsigned char)rest->at[2]);
        if (high == -1 || low == -1)
            return -1;
    }
    rest->at += n;
    rest->n -= n;
    return high * 16 + low;
}

ptrdiff_t form_value(struct slice body, const char *name, char *out, size_t cap) {
    size_t length = strlen(name), n = 0;
    if (body.n <= length || memcmp(body.at, name, length) != 0 || body.at[length] != '=')
        return -1;
    struct slice rest = {body.at + length + 1, body.n - length - 1};
    while (rest.n > 0) {
        int byte = take_byte(&rest);
        if (byte == -1)
            return -1;
        if (n < cap)
            out[n++] = (char)byte;
    }
    return (ptrdiff_t)n;
}

bool form_is_type(struct slice content_type) {
    const char *parameters =
        content_type.n > 0 ? memchr(content_type.at, ';', content_type.n) : NULL;
    if (parameters != NULL)
        content_type.n = (size_t)(parameters - content_type.at);
    return slice_is_nocase(slice_trim_end(content_type, " \t"),
                           "application/x-www-form-urlencoded");
}
