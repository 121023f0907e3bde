/* base64, utf8, quote and form. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "wire/base64.h"
#include "wire/form.h"
#include "wire/quote.h"
#include "wire/utf8.h"

static const struct {
    const char *text;
    ssize_t n; /* -1: refused */
    const char *bytes;
} encoded[] = {
    {"", 0, ""},
    {"Zg==", 1, "f"},
    {"Zm8=", 2, "fo"},
    {"Zm9v", 3, "foo"},
    {"Zm9vYmFy", 6, "foobar"},
    {"dTpw", 3, "u:p"},
    {"AAAA", 3, "\0\0\0"},
    {"+/+/", 3, "\xfb\xff\xbf"},
    {"Zg", -1, NULL},
    {"Zg=", -1, NULL},
    {"Zh==", -1, NULL}, /* the unused bits are not zero: a second spelling of "f" */
    {"Zm9=", -1, NULL},
    {"Z===", -1, NULL},
    {"====", -1, NULL},
    {"Zg==Zg==", -1, NULL},
    {"Zm9v\n", -1, NULL},
    {"Zm 9v", -1, NULL},
    {"Zm9v====", -1, NULL},
    {"_-_-", -1, NULL},
    {"Zm9\x80", -1, NULL},
};

START_TEST(decode) {
    unsigned char out[64];
    size_t n = strlen(encoded[_i].text);
    ssize_t got = base64_decode(out, sizeof out, unit_guarded(encoded[_i].text, n), n);
    ck_assert_int_eq(got, encoded[_i].n);
    if (got > 0)
        ck_assert_mem_eq(out, encoded[_i].bytes, (size_t)got);
}
END_TEST

START_TEST(decode_needs_room) {
    unsigned char out[3];
    ck_assert_int_eq(base64_decode(out, 3, "Zm9v", 4), 3);
    ck_assert_int_eq(base64_decode(out, 2, "Zm9v", 4), -1);
    ck_assert_int_eq(base64_decode(out, 2, "Zm8=", 4), 2);
}
END_TEST

static const struct {
    const char *bytes;
    size_t n, length;
    uint32_t code;
} characters[] = {
    {BYTES("a"), 1, 'a'},
    {BYTES("\0"), 1, 0},
    {BYTES("\xc3\xa4"), 2, 0xe4},
    {BYTES("\xe2\x82\xac"), 3, 0x20ac},
    {BYTES("\xf0\x9f\x98\x80"), 4, 0x1f600},
    {BYTES("\xf4\x8f\xbf\xbf"), 4, 0x10ffff},
    {BYTES("\xc3"), 0, 0},
    {BYTES("\x80"), 0, 0},
    {BYTES("\xc0\xaf"), 0, 0},
    {BYTES("\xe0\x80\xaf"), 0, 0},
    {BYTES("\xed\xa0\x80"), 0, 0},
    {BYTES("\xf4\x90\x80\x80"), 0, 0},
    {BYTES("\xff"), 0, 0},
    {BYTES("\xc3("), 0, 0},
    {BYTES("\xf8\x88\x80\x80\x80"), 0, 0},
};

START_TEST(character) {
    uint32_t code = 0;
    ck_assert_uint_eq(
        utf8_read(unit_guarded(characters[_i].bytes, characters[_i].n), characters[_i].n, &code),
        characters[_i].length);
    ck_assert_uint_eq(code, characters[_i].code);
}
END_TEST

static const struct {
    const char *bytes;
    size_t n;
    const char *text, *json;
} quoted[] = {
    {BYTES(""), "\"\"", "\"\""},
    {BYTES("a b"), "\"a b\"", "\"a b\""},
    {BYTES("\"\\"), "\"\\\"\\\\\"", "\"\\\"\\\\\""},
    {BYTES("a\nevent=start"), "\"a\\nevent=start\"", "\"a\\nevent=start\""},
    {BYTES("\r\t"), "\"\\r\\t\"", "\"\\r\\t\""},
    {BYTES("\x1b[2J\x7f"), "\"\\x1b[2J\\x7f\"", "\"\\u001b[2J\\u007f\""},
    {BYTES("\0x"), "\"\\x00x\"", "\"\\u0000x\""},
    {BYTES("\xc3\xa4"), "\"\\xc3\\xa4\"", "\"\\u00e4\""},
    {BYTES("\xf0\x9f\x98\x80"), "\"\\xf0\\x9f\\x98\\x80\"", "\"\\ud83d\\ude00\""},
    {BYTES("\xff\xc3"), "\"\\xff\\xc3\"", "\"\\\\xff\\\\xc3\""},
    {BYTES("\xe2\x80\xa8"), "\"\\xe2\\x80\\xa8\"", "\"\\u2028\""},
};

START_TEST(quote) {
    char out[256];
    const char *in = unit_guarded(quoted[_i].bytes, quoted[_i].n);
    struct buf b = BUF_ON(out);
    quote_text(&b, in, quoted[_i].n, 200);
    ck_assert_str_eq(buf_string(&b), quoted[_i].text);
    b = BUF_ON(out);
    quote_json(&b, in, quoted[_i].n, 200);
    ck_assert_str_eq(buf_string(&b), quoted[_i].json);
}
END_TEST

START_TEST(quote_shortens) {
    char out[256], text[200];
    struct buf b = BUF_ON(out);
    memset(text, 'x', sizeof text);
    quote_text(&b, text, sizeof text, 100);
    const char *s = buf_string(&b);
    ck_assert_uint_lt(strlen(s), 106);
    ck_assert_str_eq(s + strlen(s) - 5, "x...\"");
    /* A buffer that is too small says so instead of leaving half a quotation. */
    b = (struct buf){.at = out, .cap = 10};
    quote_text(&b, text, sizeof text, 100);
    ck_assert(b.full);
}
END_TEST

static const struct {
    const char *body;
    size_t n;
    const char *value; /* NULL: it is something else */
} forms[] = {
    {BYTES("command=email+list"), "email list"},
    {BYTES("command=email%20list"), "email list"},
    {BYTES("command=%2B%26%3D%25"), "+&=%"},
    {BYTES("command=a=b"), "a=b"},
    {BYTES("command=%c3%BC"), "\xc3\xbc"},
    {BYTES("command=0123456789"), "0123456789"},
    {BYTES("command=0123456789abcdef"), "0123456789ab"}, /* seen to be longer than 11 */
    {BYTES("command="), ""},
    {BYTES("command"), NULL},
    {BYTES(""), NULL},
    {BYTES("Command=x"), NULL},
    {BYTES("%63ommand=x"), NULL},
    {BYTES("commands=x"), NULL},
    {BYTES("command=x&command=y"), NULL},
    {BYTES("command=x&"), NULL},
    {BYTES("&command=x"), NULL},
    {BYTES("other=1&command=x"), NULL},
    {BYTES("command=%"), NULL},
    {BYTES("command=%4"), NULL},
    {BYTES("command=%4g"), NULL},
    {BYTES("command=%g4"), NULL},
    {BYTES("command=%%41"), NULL},
};

START_TEST(form) {
    char out[12];
    const char *body = unit_guarded(forms[_i].body, forms[_i].n), *value = forms[_i].value;
    ptrdiff_t n = form_value((struct slice){body, forms[_i].n}, "command", out, sizeof out);
    ck_assert_int_eq(n, value != NULL ? (int)strlen(value) : -1);
    ck_assert(value == NULL || memcmp(out, value, strlen(value)) == 0);
}
END_TEST

START_TEST(form_type) {
    static const char *const types[] = {
        "application/x-www-form-urlencoded", "Application/X-WWW-Form-urlencoded ; charset=UTF-8",
        "application/x-www-form-urlencode", "text/plain;application/x-www-form-urlencoded", ""};
    for (size_t i = 0; i < COUNT(types); i++)
        ck_assert_int_eq(form_is_type((struct slice){types[i], strlen(types[i])}), i < 2);
    ck_assert(!form_is_type((struct slice){NULL, 0}));
}
END_TEST

static Suite *suite(const char *name, const TTest *test, size_t rows, const TTest *more) {
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_add_loop_test(tc, test, 0, (int)rows);
    if (more != NULL)
        tcase_add_test(tc, more);
    suite_add_tcase(s, tc);
    return s;
}

Suite *unit_base64(void) { return suite("base64", decode, COUNT(encoded), decode_needs_room); }
Suite *unit_utf8(void) { return suite("utf8", character, COUNT(characters), NULL); }
Suite *unit_quote(void) { return suite("quote", quote, COUNT(quoted), quote_shortens); }
Suite *unit_form(void) { return suite("form", form, COUNT(forms), form_type); }
