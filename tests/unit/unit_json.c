/* JSON: what is one text, and reading it in place. */
#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "unit.h"
#include "wire/json.h"

static struct slice text(const char *s) { return (struct slice){s, strlen(s)}; }

static const struct {
    const char *text;
    bool valid;
} texts[] = {
    {"{}", true},
    {"[]", true},
    {" \t\r\n{ } ", true},
    {"null", true},
    {"true", true},
    {"false", true},
    {"\"\"", true},
    {"0", true},
    {"-0.5e+10", true},
    {"12E3", true},
    {"[1,2 , {\"a\":[]}]", true},
    {"{\"a\":1,\"b\":{\"c\":null}}", true},
    {"\"\\u00e4\\\\\\\"\\/\\b\"", true},
    {"[[[]],{}]", true},
    {"\"\x7f\xff\"", true},
    {"", false},
    {" ", false},
    {"{", false},
    {"[", false},
    {"[1,]", false},
    {"[,1]", false},
    {"{\"a\"}", false},
    {"{\"a\":}", false},
    {"{\"a\":1,}", false},
    {"{a:1}", false},
    {"{1:1}", false},
    {"[1 2]", false},
    {"[1]]", false},
    {"{}{}", false},
    {"1 2", false},
    {"01", false},
    {"-", false},
    {"1.", false},
    {".5", false},
    {"1e", false},
    {"+1", false},
    {"0x1", false},
    {"nul", false},
    {"nulll", false},
    {"\"", false},
    {"\"\\\"", false},
    {"\"\\x\"", false},
    {"\"\\u12g4\"", false},
    {"\"\\u12", false},
    {"\"\n\"", false},
    {"[}", false},
    {"{]", false},
    {"{\"a\":[}", false},
    {"tru e", false},
    {"'a'", false},
    {"[1]x", false},
    {"{\"a\" 1}", false},
    {"{\"a\":1 \"b\":2}", false},
    {"NaN", false},
};

START_TEST(validity) {
    size_t n = strlen(texts[_i].text);
    ck_assert_msg(json_is_valid((struct slice){unit_guarded(texts[_i].text, n), n})
                      == texts[_i].valid,
                  "%s", texts[_i].text);
    /* Cut anywhere, only a number is still a text of its own. */
    for (size_t cut = 0; texts[_i].valid && cut < n; cut++)
        if (strchr("{[\"ntf", texts[_i].text[0]) != NULL)
            ck_assert(!json_is_valid((struct slice){unit_guarded(texts[_i].text, cut), cut}));
}
END_TEST

START_TEST(depth) {
    char deep[2 * LIMIT_JSON_DEPTH + 2];
    for (size_t n = LIMIT_JSON_DEPTH; n <= LIMIT_JSON_DEPTH + 1; n++) {
        memset(deep, '[', n);
        memset(deep + n, ']', n);
        if (2 * n <= sizeof deep)
            ck_assert(json_is_valid((struct slice){deep, 2 * n}) == (n == LIMIT_JSON_DEPTH));
    }
}
END_TEST

static const char object[] = "{ \"a\" : 1, \"b\":{\"c\":[true , \"}\\\"]\",{}],\"d\":\"x\"}, "
                             "\"a\":-2.50, \"e\":null,\"s\":\"\\u00e4\\ud83d\\ude00\\ud800\\n/\" }";

START_TEST(reading) {
    struct slice o = text(object), key, value;
    char out[64];
    struct buf b = BUF_ON(out);
    ck_assert(json_is_valid(o));
    ck_assert(json_kind(o) == JSON_OBJECT && json_kind(text("-1")) == JSON_NUMBER
              && json_kind((struct slice){NULL, 0}) == JSON_NONE);
    ck_assert(slice_is(json_member(o, "a"), "-2.50"));
    ck_assert(slice_is(json_at(o, "b.c"), "[true , \"}\\\"]\",{}]"));
    ck_assert(json_is(json_at(o, "b.d"), "x"));
    ck_assert_uint_eq(json_at(o, "b.c.d").n, 0);
    ck_assert_uint_eq(json_member(o, "nosuch").n, 0);
    ck_assert_uint_eq(json_count(json_at(o, "b.c")), 3);
    ck_assert_uint_eq(json_count(o), 5);
    json_text(&b, json_member(o, "s"));
    ck_assert_uint_eq(b.len, 11);
    ck_assert_mem_eq(out, "\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd\n/", 11);
    json_copy(out, 6, json_member(o, "s"));
    ck_assert_str_eq(out, "");
    json_copy(out, 2, json_at(o, "b.d"));
    ck_assert_str_eq(out, "x");
    json_copy(out, sizeof out, json_member(o, "e"));
    ck_assert_str_eq(out, "");
    struct json_walk walk = {json_at(o, "b.c"), false};
    ck_assert(json_next(&walk, &key, &value) && key.n == 0 && json_is_true(value));
    ck_assert(json_next(&walk, &key, &value) && slice_is(value, "\"}\\\"]\""));
    ck_assert(json_next(&walk, &key, &value) && slice_is(value, "{}"));
    ck_assert(!json_next(&walk, &key, &value));
    walk = (struct json_walk){text("5"), false};
    ck_assert(!json_next(&walk, &key, &value));
}
END_TEST

START_TEST(numbers) {
    uint64_t n = 7;
    ck_assert(!json_number(text("-1"), 100, &n) && !json_number(text("1.0"), 100, &n)
              && !json_number(text("101"), 100, &n));
    ck_assert(!json_number(text("\"1\""), 100, &n) && !json_number((struct slice){NULL, 0}, 100, &n)
              && n == 7);
    ck_assert(json_number(text("100"), 100, &n) && n == 100);
}
END_TEST

static void put(void *context, const char *bytes, size_t n) { buf_bytes(context, bytes, n); }

START_TEST(printing) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{}", "{}"},
        {"[ ]", "[]"},
        {"{\"a\":[1, {\"b\":{}}],\"c\":\"{,:\"}",
         "{\n    \"a\": [\n        1,\n        {\n            \"b\": {}\n        }\n    ],\n    "
         "\"c\": \"{,:\"\n}"},
        {"1.50e3", "1.50e3"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[512];
        struct buf b = BUF_ON(out);
        json_indent(text(rows[i].in), 0, put, &b);
        ck_assert_str_eq(buf_string(&b), rows[i].out);
        struct buf again = BUF_ON(out);
        json_compact(text(rows[i].in), put, &again);
        ck_assert(json_is_valid((struct slice){again.at, again.len})
                  && memchr(again.at, '\n', again.len) == NULL);
    }
}
END_TEST

START_TEST(writing) {
    static const struct {
        const char *in, *path, *out;
    } rows[] = {
        {"{\"a\":1, \"b\": [2]}", "a", "{\"a\":9,\"b\":[2]}"},
        {"{\"a\":1}", "b", "{\"a\":1,\"b\":9}"},
        {"{}", "a.b", "{\"a\":{\"b\":9}}"},
        {"{\"x\":{\"y\":{\"z\":1,\"w\":2}},\"v\":0}", "x.y.z",
         "{\"x\":{\"y\":{\"z\":9,\"w\":2}},\"v\":0}"},
        {"{\"x\":null}", "x.y", "{\"x\":{\"y\":9}}"},
    };
    char out[256];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b = BUF_ON(out);
        json_set(&b, text(rows[i].in), rows[i].path, text("9"));
        ck_assert_str_eq(buf_string(&b), rows[i].out);
    }
    struct buf b = BUF_ON(out);
    json_quote(&b, BYTES("a\"\\\x01\n\xc3\xa4\xff\0"));
    ck_assert_str_eq(buf_string(&b), "\"a\\\"\\\\\\u0001\\n\xc3\xa4\xef\xbf\xbd\\u0000\"");
}
END_TEST

Suite *unit_json(void) {
    Suite *s = suite_create("json");
    TCase *tc = tcase_create("json");
    tcase_add_loop_test(tc, validity, 0, (int)COUNT(texts));
    tcase_add_test(tc, depth);
    tcase_add_test(tc, reading);
    tcase_add_test(tc, numbers);
    tcase_add_test(tc, printing);
    tcase_add_test(tc, writing);
    suite_add_tcase(s, tc);
    return s;
}
