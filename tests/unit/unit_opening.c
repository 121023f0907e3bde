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

Suite *unit_opening(void) {
    Suite *s = suite_create("opening");
    TCase *tc = tcase_create("opening");
    tcase_add_loop_test(tc, told_apart, 0, (int)COUNT(openings));
    suite_add_tcase(s, tc);
    return s;
}
