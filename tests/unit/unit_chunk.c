/* The chunked coding: each body is read whole, in pieces of every size, and must give the same
 * content. */
#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "unit.h"
#include "wire/chunk.h"

static const struct {
    const char *bytes;
    size_t n;
    const char *content; /* NULL: refused */
    size_t rest;         /* bytes behind the body, which are not touched */
} bodies[] = {
    {BYTES("0\r\n\r\n"), "", 0},
    {BYTES("3\r\nabc\r\n0\r\n\r\n"), "abc", 0},
    {BYTES("3\r\nabc\r\n00\r\n\r\nGET /"), "abc", 5},
    {BYTES("1\r\na\r\n00000002\r\nbc\r\n0\r\n\r\n"), "abc", 0},
    {BYTES("a\r\n0123456789\r\nB\r\n0123456789x\r\n0\r\n\r\n"), "01234567890123456789x", 0},
    {BYTES("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0},
    {BYTES("1;ext=\"v\";x\r\na\r\n0;last\r\n\r\n"), "a", 0},
    {BYTES("0\r\nX: y\r\nZ:\r\n\r\n"), "", 0},
    {BYTES("\r\n"), NULL, 0},
    {BYTES(";x\r\na\r\n"), NULL, 0},
    {BYTES("x\r\n"), NULL, 0},
    {BYTES("0x1\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("+1\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("-1\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES(" 1\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1 \r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1\r\na\n0\r\n\r\n"), NULL, 0},
    {BYTES("1\r\nab\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1;a\nb\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1;a\rb\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1;a\0b\r\na\r\n0\r\n\r\n"), NULL, 0},
    {BYTES("1\r\na\r\n0\r\n\n"), NULL, 0},
    {BYTES("0\r\nnocolon\r\n\r\n"), NULL, 0},
    {BYTES("0\r\n: v\r\n\r\n"), NULL, 0},
    {BYTES("0\r\n folded: v\r\n\r\n"), NULL, 0},
    {BYTES("0\r\nX: y\n\r\n"), NULL, 0},
    {BYTES("0\r\nX : y\r\n\r\n"), NULL, 0},
    {BYTES("0\r\nX: y\0\r\n\r\n"), NULL, 0},
    {BYTES("fffffffffffffff1\r\n"), NULL, 0},
    {BYTES("10000000000000000\r\n"), NULL, 0},
    {BYTES("0000000000000000\r\n\r\n"), NULL, 0},
};

/* Reads with at most `step` bytes at a time: the count used, or -1. *ended as chunk_ended. */
static ssize_t read_in_steps(const char *bytes, size_t n, size_t step, char *content, size_t *len,
                             bool *ended) {
    struct chunk c = {0};
    size_t at = 0;
    *len = 0;
    while (at < n && !chunk_ended(&c)) {
        size_t have = n - at < step ? n - at : step;
        struct slice data;
        ssize_t used = chunk_read(&c, unit_guarded(bytes + at, have), have, &data);
        if (used < 0)
            return -1;
        ck_assert_uint_le((size_t)used, have);
        ck_assert(used > 0);
        memcpy(content + *len, data.at, data.n);
        *len += data.n;
        at += (size_t)used;
    }
    *ended = chunk_ended(&c);
    return (ssize_t)at;
}

START_TEST(body) {
    for (size_t step = 1; step <= bodies[_i].n; step++) {
        char content[256];
        size_t len;
        bool ended = false;
        ssize_t used = read_in_steps(bodies[_i].bytes, bodies[_i].n, step, content, &len, &ended);
        if (bodies[_i].content == NULL) {
            ck_assert_int_eq(used, -1);
            continue;
        }
        ck_assert(ended);
        ck_assert_int_eq(used, (ssize_t)(bodies[_i].n - bodies[_i].rest));
        ck_assert_uint_eq(len, strlen(bodies[_i].content));
        ck_assert_mem_eq(content, bodies[_i].content, len);
    }
}
END_TEST

/* Framing that carries no content is bounded over the whole body, not only a line. */
START_TEST(bounds) {
    static char text[64 * 1024];
    struct slice data;
    for (int which = 0; which < 2; which++) {
        struct chunk c = {0};
        size_t n = 0;
        if (which == 1)
            n += (size_t)sprintf(text, "0\r\n");
        while (n < sizeof text - 64)
            n += (size_t)sprintf(text + n, which == 0 ? "1;%040d\r\na\r\n" : "X: %040d\r\n", 0);
        size_t at = 0;
        ssize_t used = 0;
        while (at < n && (used = chunk_read(&c, text + at, n - at, &data)) >= 0)
            at += (size_t)used;
        ck_assert_int_eq(used, -1);
    }
}
END_TEST

START_TEST(cut_short) {
    static const char text[] = "3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    char content[16];
    for (size_t n = 1; n < sizeof text - 1; n++) {
        size_t len;
        bool ended;
        ck_assert_int_eq(read_in_steps(text, n, n, content, &len, &ended), (ssize_t)n);
        ck_assert(!ended);
    }
}
END_TEST

START_TEST(heads) {
    static const struct {
        size_t n;
        const char *text;
    } rows[] = {{1, "1\r\n"},
                {15, "f\r\n"},
                {16, "10\r\n"},
                {65536, "10000\r\n"},
                {SIZE_MAX, &"ffffffffffffffff\r\n"[16 - 2 * sizeof(size_t)]}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[CHUNK_HEAD];
        size_t n = chunk_head(out, rows[i].n);
        ck_assert_uint_eq(n, strlen(rows[i].text));
        ck_assert_mem_eq(out + CHUNK_HEAD - n, rows[i].text, n);
    }
}
END_TEST

Suite *unit_chunk(void) {
    Suite *s = suite_create("chunk");
    TCase *tc = tcase_create("chunk");
    tcase_add_loop_test(tc, body, 0, (int)COUNT(bodies));
    tcase_add_test(tc, bounds);
    tcase_add_test(tc, cut_short);
    tcase_add_test(tc, heads);
    suite_add_tcase(s, tc);
    return s;
}
