/* The head of a request: each input is read whole, and byte by byte; both must say the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "wire/http1.h"

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n"

/* status: of the head; when that is 200, framing's (0: fine). */
static const struct {
    const char *bytes;
    size_t n;
    int status, framing;
} heads[] = {
    {BYTES(GET HOST "\r\n"), 200, 0},
    {BYTES("\r\n" GET HOST "\r\n"), 200, 0},
    {BYTES("\r\n\r\n" GET HOST "\r\n"), 400, 0},
    {BYTES("GET / HTTP/1.0\r\n\r\n"), 200, 0},
    {BYTES("GET / HTTP/1.9\r\n" HOST "\r\n"), 200, 0},
    {BYTES("GET / HTTP/2.0\r\n\r\n"), 505, 0},
    {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, 0},
    {BYTES("GET / HTTP/0.9\r\n\r\n"), 505, 0},
    {BYTES("GET / http/1.1\r\n\r\n"), 400, 0},
    {BYTES("GET / HTTP/1.1 \r\n\r\n"), 400, 0},
    {BYTES("GET / HTTP/11\r\n\r\n"), 400, 0},
    {BYTES("GET / HTTP/1.10\r\n\r\n"), 400, 0},
    {BYTES("GET /\r\n\r\n"), 400, 0},
    {BYTES("GET\r\n\r\n"), 400, 0},
    {BYTES("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET /  HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET\t/\tHTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES(" GET / HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("G@T / HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET /#f HTTP/1.1\r\n" HOST "\r\n"), 400, 0},
    {BYTES("GET / HTTP/1.1\n" HOST "\r\n"), 400, 0},
    {BYTES("GET / HTTP/1.1\r" HOST "\r\n"), 400, 0},
    {BYTES(GET "Host: a\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\rb\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\r\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\n\n"), 400, 0},
    {BYTES(GET HOST "X: a\0b\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\x01\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\x7f\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\tb\xc3\xa4\r\n\r\n"), 200, 0},
    {BYTES(GET HOST " folded: x\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X: a\r\n\tb\r\n\r\n"), 400, 0},
    {BYTES(GET " " HOST "\r\n"), 400, 0},
    {BYTES(GET "Host : a\r\n\r\n"), 400, 0},
    {BYTES(GET HOST ": x\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "nocolon\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X y: a\r\n\r\n"), 400, 0},
    {BYTES(GET HOST "X:\r\n\r\n"), 200, 0},
    /* Host */
    {BYTES(GET "\r\n"), 200, 400},
    {BYTES(GET HOST HOST "\r\n"), 200, 400},
    {BYTES("GET / HTTP/1.0\r\n" HOST HOST "\r\n"), 200, 400},
    {BYTES(GET "Host:\r\n\r\n"), 200, 0},
    {BYTES(GET "Host: a:80\r\n\r\n"), 200, 0},
    {BYTES(GET "Host: a:\r\n\r\n"), 200, 0},
    {BYTES(GET "Host: [::1]:80\r\n\r\n"), 200, 0},
    {BYTES(GET "Host: [::1\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: [x]\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: [::1]x\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a:x\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a:65536\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a b\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a, b\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a/b\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: u@a\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: %7aa\r\n\r\n"), 200, 0},
    {BYTES(GET "Host: a%7A:80\r\n\r\n"), 200, 0},
    {BYTES(GET "Host: %zz\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a%7:80\r\n\r\n"), 200, 400},
    {BYTES(GET "Host: a%\r\n\r\n"), 200, 400},
    {BYTES("GET http://%g0/ HTTP/1.1\r\nHost: %g0\r\n\r\n"), 200, 400},
    /* the target */
    {BYTES("GET http://a/x HTTP/1.1\r\n" HOST "\r\n"), 200, 0},
    {BYTES("GET HTTP://A/x HTTP/1.1\r\n" HOST "\r\n"), 200, 0},
    {BYTES("GET http://b/x HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    {BYTES("GET http:///x HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    {BYTES("GET http://u@a/x HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    {BYTES("GET ftp://a/x HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    {BYTES("GET x HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    {BYTES("CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    {BYTES("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 200, 0},
    {BYTES("GET * HTTP/1.1\r\n" HOST "\r\n"), 200, 400},
    /* lengths */
    {BYTES(GET HOST "Content-Length: 5\r\n\r\n"), 200, 0},
    {BYTES(GET HOST "Content-Length:  5\t\r\n\r\n"), 200, 0},
    {BYTES(GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 5, 5\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: +5\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: -1\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 0x5\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 5x\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length:\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 9223372036854775807\r\n\r\n"), 200, 0},
    {BYTES(GET HOST "Content-Length: 9223372036854775808\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 99999999999999999999\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding: chunked\r\n\r\n"), 200, 0},
    {BYTES(GET HOST "Transfer-Encoding: CHUNKED\r\n\r\n"), 200, 0},
    {BYTES(GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding: identity\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding: xchunked\r\n\r\n"), 200, 400},
    {BYTES(GET HOST "Transfer-Encoding:\r\n\r\n"), 200, 400},
    {BYTES("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, 400},
    /* expectations */
    {BYTES(GET HOST "Expect: 100-Continue\r\n\r\n"), 200, 0},
    {BYTES(GET HOST "Expect: coffee\r\n\r\n"), 200, 417},
    {BYTES("GET / HTTP/1.0\r\nExpect: coffee\r\n\r\n"), 200, 0},
};

/* Reads n bytes in pieces of `step`, each from a buffer that ends where the bytes do. */
static int read_in_steps(struct http1_head *head, const char *bytes, size_t n, size_t step) {
    int status = 0;
    char *at = unit_guarded(bytes, n); /* one place: the head's slices stay good */
    http1_start(head);
    for (size_t have = 0; have < n && status == 0;) {
        have = have + step < n ? have + step : n;
        status = http1_read_head(head, at, have);
    }
    return status;
}

START_TEST(head) {
    static struct http1_head h;
    static const size_t steps[] = {SIZE_MAX / 2, 1, 2, 3, 7};
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct http1_framing f;
        ck_assert_int_eq(read_in_steps(&h, heads[_i].bytes, heads[_i].n, steps[i]),
                         heads[_i].status);
        if (heads[_i].status == 200)
            ck_assert_int_eq(http1_read_framing(&h, &f), heads[_i].framing);
    }
}
END_TEST

/* A refusal must not need the rest of the head. */
START_TEST(refused_early) {
    static struct http1_head h;
    static const char *const early[] = {"GET / HTTP/1.1\n", "GET /\r\n",
                                        "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nX: a\rb",
                                        "\n"};
    for (size_t i = 0; i < COUNT(early); i++)
        ck_assert_msg(read_in_steps(&h, early[i], strlen(early[i]), 1) == 400, "row %zu", i);
}
END_TEST

START_TEST(what_it_says) {
    static struct http1_head h;
    struct http1_framing f;
    struct slice v;
    static const char text[] =
        "POST /cgi-bin/run?a=b/c?d HTTP/1.1\r\nHost: x.example:8080\r\nTE: gzip;q=1 , "
        "trailers\r\nX-A: \t one two \t\r\nx-a: three\r\n"
        "Connection: keep-alive, Close\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\nrest";
    ck_assert_int_eq(read_in_steps(&h, BYTES(text), 1), 200);
    ck_assert_uint_eq(h.scanned, sizeof text - 1 - 4);
    ck_assert_int_eq(http1_read_framing(&h, &f), 0);
    ck_assert(slice_is(h.method, "POST") && slice_is(f.path, "/cgi-bin/run")
              && slice_is(f.authority, "x.example:8080"));
    ck_assert(f.length == 12 && !f.chunked && f.expects_continue && !f.persistent && f.trailers);
    ck_assert_uint_eq(http1_find(&h, "X-a", &v), 2);
    ck_assert(slice_is(v, "one two"));
    ck_assert_uint_eq(http1_find(&h, "X-B", &v), 0);
    ck_assert(http1_lists(&h, "connection", "close") && !http1_lists(&h, "connection", "clos"));
    ck_assert_int_eq(read_in_steps(&h, BYTES("GET http://h:1?q HTTP/1.1\r\nHost: H:1\r\n\r\n"), 9),
                     200);
    ck_assert_int_eq(http1_read_framing(&h, &f), 0);
    ck_assert(f.path.n == 0 && slice_is(f.authority, "h:1") && f.persistent && !f.trailers);
}
END_TEST

/* The limits: the last length that passes, and the first that does not. */
START_TEST(limits) {
    static struct http1_head h;
    static char text[LIMIT_HEAD + 64];
    for (int over = 0; over <= 1; over++) {
        int n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n",
                         LIMIT_REQUEST_LINE - 14 + over, 0);
        ck_assert_int_eq(read_in_steps(&h, text, (size_t)n, 4096), over ? 414 : 200);
        ck_assert_int_eq(read_in_steps(&h, text, (size_t)n, SIZE_MAX / 2), over ? 414 : 200);
        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n",
                     LIMIT_HEAD - 16 - 9 - 3 - 4 + over, 0);
        ck_assert_int_eq(n, LIMIT_HEAD + over);
        ck_assert_int_eq(read_in_steps(&h, text, (size_t)n, 5000), over ? 431 : 200);
        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (int i = 1; i < LIMIT_FIELDS + over; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "X%d: a\r\n", i);
        n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        ck_assert_int_eq(read_in_steps(&h, text, (size_t)n, 100), over ? 431 : 200);
    }
    memset(text, 'G', sizeof text); /* no line's end at all */
    ck_assert_int_eq(read_in_steps(&h, text, LIMIT_REQUEST_LINE, 1000), 0);
    ck_assert_int_eq(read_in_steps(&h, text, LIMIT_REQUEST_LINE + 1, 1000), 414);
}
END_TEST

/* A line's end, good or bad, on both sides of each limit: how the bytes are divided must not change
 * the verdict. */
START_TEST(limits_in_any_pieces) {
    static struct http1_head h;
    static char text[LIMIT_HEAD + 64];
    static const char *const ends[] = {
        "\n", "\r\n", "\r\r\n", "\rx\r\n", "x\r\n", "\r\n\r\n", "\r\nHost: a\r\n\r\n", "\n\r\n"};
    static const struct {
        const char *start;
        size_t limit;
    } rows[] = {{"GET /", LIMIT_REQUEST_LINE}, {"GET / HTTP/1.1\r\nHost: a\r\nX: ", LIMIT_HEAD}};
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t e = 0; e < COUNT(ends); e++)
            for (size_t at = rows[r].limit - 6; at < rows[r].limit + 6; at++) {
                memset(text, '0', sizeof text);
                memcpy(text, rows[r].start, strlen(rows[r].start));
                if (r == 0)
                    memcpy(text + at - 9, " HTTP/1.1", 9);
                memcpy(text + at, ends[e], strlen(ends[e]));
                size_t n = at + strlen(ends[e]);
                int whole = read_in_steps(&h, text, n, SIZE_MAX / 2);
                for (size_t first = rows[r].limit - 8; first < n; first++)
                    ck_assert_msg(read_in_steps(&h, text, n, first) == whole,
                                  "row %zu, end %zu at %zu, first %zu", r, e, at, first);
                ck_assert_msg(read_in_steps(&h, text, n, r == 0 ? 1 : 127) == whole,
                              "row %zu, end %zu at %zu", r, e, at);
            }
}
END_TEST

Suite *unit_http1(void) {
    Suite *s = suite_create("http1");
    TCase *tc = tcase_create("head");
    tcase_add_loop_test(tc, head, 0, (int)COUNT(heads));
    tcase_add_test(tc, refused_early);
    tcase_add_test(tc, what_it_says);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, limits_in_any_pieces);
    suite_add_tcase(s, tc);
    return s;
}
