/* What a connection begins with. */
#include "unit.h"
#include "wire/opening.h"

static const struct {
    const char *at;
    size_t n;
    enum opening is;
    size_t from; /* so many of the bytes tell it */
} openings[] = {
    {BYTES("GET / HTTP/1.1\r\n"), OPENING_HTTP, 0},
    {BYTES("\x16\x03\x01\x02\x00\x01"), OPENING_TLS, 2},
    {BYTES("\x16\x02"), OPENING_HTTP, 0},
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), OPENING_PROXY, 6},
    {BYTES("PROXY UNKNOWN\r\n"), OPENING_PROXY, 6},
    {BYTES("PROXYING / HTTP/1.1\r\n"), OPENING_HTTP, 0},
    {BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11"), OPENING_PROXY, 12},
    {BYTES("\r\n\r\n\0\r\nQUIT\r"), OPENING_HTTP, 0},
    {BYTES("SSH-2.0-x\r\n"), OPENING_SSH, 4},
    {BYTES("SS"), OPENING_HTTP, 0},
};

START_TEST(told_apart) {
    for (size_t n = 0; n <= openings[_i].n; n++) {
        enum opening wanted = n >= openings[_i].from ? openings[_i].is : OPENING_HTTP;
        ck_assert_int_eq(opening_of(unit_guarded(openings[_i].at, n), n), wanted);
    }
}
END_TEST

static const struct {
    const char *at;
    size_t n, from; /* so many of the bytes tell it */
    enum opening_choice is;
} choices[] = {
    {BYTES("SSH-2.0-x\r\n"), 4, OPENING_IS_SSH},
    {BYTES("SSH /"), 4, OPENING_IS_HTTP},
    {BYTES("SSHX-"), 32, OPENING_OPEN},
    {BYTES("GET / HTTP/1.1\r\n"), 4, OPENING_IS_HTTP},
    {BYTES("VERSION-CONTROL / HTTP/1.1\r\n"), 16, OPENING_IS_HTTP},
    {BYTES("PRI * HTTP/2.0\r\n"), 4, OPENING_IS_HTTP},
    {BYTES("P /"), 2, OPENING_IS_HTTP},
    {BYTES("PROXY TCP4 1"), 6, OPENING_IS_PROXY},
    {BYTES("PROXYX / HTTP/1.1"), 7, OPENING_IS_HTTP},
    {BYTES("\r\n\r\n\0\r\nQUIT\n\x21"), 12, OPENING_IS_PROXY},
    {BYTES("\r\n\r\n\0\r\nQUIX"), 11, OPENING_IS_NONE},
    {BYTES("\r\nGET / HTTP/1.1"), 3, OPENING_IS_NONE},
    {BYTES("\x16\x03\x01"), 2, OPENING_IS_TLS},
    {BYTES("\x16\x02"), 2, OPENING_IS_NONE},
    {BYTES("\x80\x2e\x01\x03\x01"), 1, OPENING_IS_NONE}, /* a hello of SSLv2 */
    {BYTES("get / HTTP/1.1"), 1, OPENING_IS_NONE},
    {BYTES(" GET"), 1, OPENING_IS_NONE},
    {BYTES("-A /"), 1, OPENING_IS_NONE},
    {BYTES("GET\t/"), 4, OPENING_IS_NONE},
    {BYTES("GET\0/"), 4, OPENING_IS_NONE},
    {BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / "), 32, OPENING_IS_HTTP},
    {BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / "), 32, OPENING_IS_NONE},
    {BYTES("\0"), 1, OPENING_IS_NONE},
};

START_TEST(chosen) {
    for (size_t n = 0; n <= choices[_i].n && n <= OPENING_BYTES; n++) {
        enum opening_choice wanted = n >= choices[_i].from ? choices[_i].is : OPENING_OPEN;
        ck_assert_int_eq(opening_choose(unit_guarded(choices[_i].at, n), n), wanted);
    }
}
END_TEST

Suite *unit_opening(void) {
    Suite *s = suite_create("opening");
    TCase *tc = tcase_create("opening");
    tcase_add_loop_test(tc, told_apart, 0, (int)COUNT(openings));
    tcase_add_loop_test(tc, chosen, 0, (int)COUNT(choices));
    suite_add_tcase(s, tc);
    return s;
}
