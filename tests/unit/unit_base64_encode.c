/* Base64, coded. */
#include <string.h>

#include "unit.h"
#include "wire/base64.h"

/* RFC 4648, section 10, and the two digits that differ from those of URLs. */
static const struct {
    const char *bytes;
    size_t n;
    const char *text;
} coded[] = {
    {BYTES(""), ""},
    {BYTES("f"), "Zg=="},
    {BYTES("fo"), "Zm8="},
    {BYTES("foo"), "Zm9v"},
    {BYTES("foob"), "Zm9vYg=="},
    {BYTES("fooba"), "Zm9vYmE="},
    {BYTES("foobar"), "Zm9vYmFy"},
    {BYTES("\0"), "AA=="},
    {BYTES("\0\0\0"), "AAAA"},
    {BYTES("\xff\xff\xff"), "////"},
    {BYTES("\xfb\xff\xbf"), "+/+/"},
    {BYTES("\xff"), "/w=="},
};

START_TEST(encode) {
    char out[16];
    size_t n = base64_encode(out, unit_guarded(coded[_i].bytes, coded[_i].n), coded[_i].n);
    ck_assert_uint_eq(n, strlen(coded[_i].text));
    ck_assert_uint_eq(n, BASE64_SIZE(coded[_i].n));
    ck_assert_mem_eq(out, coded[_i].text, n);
}
END_TEST

START_TEST(encode_decodes) {
    unsigned char in[256], back[256];
    static const char blank[BASE64_SIZE(sizeof in)];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)(i * 167 + 13);
    for (size_t n = 0; n <= sizeof in; n++) {
        char *out = unit_guarded(blank, BASE64_SIZE(n)); /* not a byte more is written */
        size_t len = base64_encode(out, in, n);
        ck_assert_uint_eq(len, BASE64_SIZE(n));
        ck_assert_int_eq(base64_decode(back, sizeof back, out, len), (ssize_t)n);
        ck_assert_mem_eq(back, in, n);
    }
}
END_TEST

Suite *unit_base64_encode(void) {
    Suite *s = suite_create("base64_encode");
    TCase *tc = tcase_create("base64_encode");
    tcase_add_loop_test(tc, encode, 0, (int)COUNT(coded));
    tcase_add_test(tc, encode_decodes);
    suite_add_tcase(s, tc);
    return s;
}
