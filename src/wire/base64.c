#include "wire/base64.h"

#include <stdint.h>

static int digit_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t base64_decode(unsigned char *out, size_t cap, const char *in, size_t n) {
    if (n % 4 != 0)
        return -1;
    size_t len = 0;
    for (size_t i = 0; i < n; i += 4) {
        size_t padding = 0;
        if (i + 4 == n)
            padding = in[i + 3] != '=' ? 0 : in[i + 2] != '=' ? 1 : 2;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int v = k < 4 - padding ? digit_value(in[i + k]) : 0;
            if (v < 0)
                return -1;
            bits = bits << 6 | (uint32_t)v;
        }
        size_t bytes = 3 - padding;
        if ((bits & ((1U << 8 * padding) - 1)) != 0 || bytes > cap - len)
            return -1;
        for (size_t k = 0; k < bytes; k++)
            out[len++] = (unsigned char)(bits >> (16 - 8 * k));
    }
    return (ssize_t)len;
}

size_t base64_encode(char *out, const void *bytes, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    size_t len = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)(i + 1 < n ? in[i + 1] : 0) << 8
                        | (i + 2 < n ? in[i + 2] : 0);
        for (size_t k = 0; k < 4; k++)
            out[len++] = k > n - i ? '=' : digits[bits >> (18 - 6 * k) & 63];
    }
    return len;
}
