/* JSON and forms that come in pieces: every text is given whole, and cut in two at every place, and
 * must give the same values, or the same error at the same byte. */
#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "unit.h"
#include "wire/form_push.h"
#include "wire/json_path.h"
#include "wire/json_push.h"

enum { PATHS = 4 };

struct seen {
    struct json_push p;
    struct json_found found[PATHS];
};

static void read_cut(struct seen *s, const char *const *paths, const char *text, size_t n,
                     size_t cut) {
    size_t count = 0;
    while (count < PATHS && paths[count] != NULL)
        count++;
    memset(s, 0xa5, sizeof *s); /* nothing may rely on what was there */
    json_push_start(&s->p, paths, s->found, count);
    json_push_bytes(&s->p, text, cut);
    json_push_bytes(&s->p, text + cut, n - cut);
    json_push_end(&s->p);
}

static void ck_same(const struct seen *a, const struct seen *b) {
    ck_assert(a->p.error == b->p.error && a->p.at == b->p.at);
    ck_assert_uint_eq(a->p.repeated, b->p.repeated);
    for (size_t i = 0; i < a->p.count; i++) {
        ck_assert_int_eq(a->found[i].kind, b->found[i].kind);
        ck_assert(a->found[i].unusable == b->found[i].unusable);
        ck_assert_uint_eq(a->found[i].n, b->found[i].n);
        ck_assert_mem_eq(a->found[i].text, b->found[i].text, a->found[i].n);
    }
}

static const struct {
    const char *text;
    size_t n;
    const char *path;
    enum json_kind kind;
    const char *value;
    size_t value_n;
    bool unusable, repeated;
} values[] = {
    {BYTES("{\"a\":\"x\"}"), ".a", JSON_STRING, BYTES("x"), false, false},
    {BYTES(" {\n\"a\" :\t\"x\"\r} "), ".a", JSON_STRING, BYTES("x"), false, false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".a.b.1", JSON_STRING, BYTES("y"), false,
     false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".a.b.2.c", JSON_BOOL, BYTES("true"), false,
     false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".a.b", JSON_ARRAY, BYTES(""), false, false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".a", JSON_OBJECT, BYTES(""), false, false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".b", JSON_NONE, BYTES(""), false, false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".a.b.3", JSON_NONE, BYTES(""), false, false},
    {BYTES("{\"a\":{\"b\":[0,\"y\",{\"c\":true}]}}"), ".a.b.01", JSON_NONE, BYTES(""), false,
     false},
    {BYTES("[[],[7]]"), ".1.0", JSON_NUMBER, BYTES("7"), false, false},
    {BYTES("{\"0\":\"name\"}"), ".0", JSON_STRING, BYTES("name"), false, false},
    {BYTES("{\"b\":{\"a\":1},\"a\":-0.50e+3}"), ".a", JSON_NUMBER, BYTES("-0.50e+3"), false, false},
    {BYTES("[[{\"a\":1}],{\"a\":2}]"), ".a", JSON_NONE, BYTES(""), false, false},
    {BYTES("{\"a\":null}"), ".a", JSON_NULL, BYTES("null"), false, false},
    {BYTES("{\"a\":false,\"b\":1}"), ".a", JSON_BOOL, BYTES("false"), false, false},
    {BYTES("{\"a\":\"refs\\/heads\\/main\"}"), ".a", JSON_STRING, BYTES("refs/heads/main"), false,
     false},
    {BYTES("{\"\\u0061\":\"\\u00e4\\\"\\\\\\b\\f\\n\\r\\t\"}"), ".a", JSON_STRING,
     BYTES("ä\"\\\b\f\n\r\t"), false, false},
    {BYTES("{\"a\":\"\\ud83d\\uDE80ü日🚀\"}"), ".a", JSON_STRING, BYTES("🚀ü日🚀"), false, false},
    {BYTES("{\"a\":\"x\\u0000y\"}"), ".a", JSON_STRING, BYTES("x\0y"), false, false},
    {BYTES("{\"a\":\"\\ud83d\"}"), ".a", JSON_STRING, BYTES(""), true, false},
    {BYTES("{\"a\":\"\\ud83dx\\ude80\"}"), ".a", JSON_STRING, BYTES(""), true, false},
    {BYTES("{\"a\":\"\\ude80\"}"), ".a", JSON_STRING, BYTES(""), true, false},
    {BYTES("{\"a\":\"\\ud83d\\ud83d\\ude80\"}"), ".a", JSON_STRING, BYTES(""), true, false},
    {BYTES("{\"a\":\"\\ud83d\\n\\ude80\"}"), ".a", JSON_STRING, BYTES(""), true, false},
    {BYTES("{\"\\ud83d\":1,\"a\":2}"), ".a", JSON_NUMBER, BYTES("2"), false, false},
    {BYTES("{\"a\":1,\"a\":2}"), ".a", JSON_NUMBER, BYTES("1"), false, true},
    {BYTES("{\"a\":1,\"\\u0061\":2}"), ".a", JSON_NUMBER, BYTES("1"), false, true},
    {BYTES("{\"a\":1,\"a\":{\"b\":2}}"), ".a.b", JSON_NONE, BYTES(""), false, true},
    {BYTES("{\"a\":{\"b\":1},\"a\":{\"b\":2}}"), ".a.b", JSON_NUMBER, BYTES("1"), false, true},
    {BYTES("[{\"a\":1},{\"a\":2}]"), ".1.a", JSON_NUMBER, BYTES("2"), false, false},
    {BYTES("{\"ab\":1,\"a\":2}"), ".a", JSON_NUMBER, BYTES("2"), false, false},
    {BYTES("{\"\":1}"), ".a", JSON_NONE, BYTES(""), false, false},
    {BYTES("5"), ".a", JSON_NONE, BYTES(""), false, false},
    {BYTES("{\"é\":{\"b\":\"c\"}}"), ".é.b", JSON_STRING, BYTES("c"), false, false},
};

START_TEST(finds) {
    static struct seen whole, cut;
    const char *paths[] = {values[_i].path, values[_i].path, NULL};
    read_cut(&whole, paths, unit_guarded(values[_i].text, values[_i].n), values[_i].n, 0);
    ck_assert_msg(whole.p.error == NULL, "%s", whole.p.error);
    for (size_t i = 0; i < 2; i++) { /* one value may be wanted twice */
        ck_assert_int_eq(whole.found[i].kind, values[_i].kind);
        ck_assert(whole.found[i].unusable == values[_i].unusable);
        ck_assert_uint_eq(whole.found[i].n, values[_i].value_n);
        ck_assert_mem_eq(whole.found[i].text, values[_i].value, values[_i].value_n);
        ck_assert((whole.p.repeated >> i & 1) == values[_i].repeated);
    }
    for (size_t at = 0; at <= values[_i].n; at++) {
        read_cut(&cut, paths, values[_i].text, values[_i].n, at);
        ck_same(&whole, &cut);
    }
}
END_TEST

static const struct {
    const char *text;
    size_t n, at;
    const char *error;
} wrong[] = {
    {BYTES(""), 0, "the end before that of the value"},
    {BYTES("  "), 2, "the end before that of the value"},
    {BYTES("{\"a\":1"), 6, "the end before that of the value"},
    {BYTES("-"), 1, "the end before that of the value"},
    {BYTES("1."), 2, "the end before that of the value"},
    {BYTES("tru"), 3, "the end before that of the value"},
    {BYTES("\"a"), 2, "the end before that of the value"},
    {BYTES("\"\xc3"), 2, "the end before that of the value"},
    {BYTES("1 2"), 2, "something behind the value"},
    {BYTES("{}}"), 2, "something behind the value"},
    {BYTES("[1]]"), 3, "something behind the value"},
    {BYTES("[1,]"), 3, "something else where a value is due"},
    {BYTES("[,"), 1, "something else where a value is due"},
    {BYTES("\xef\xbb\xbf{}"), 0, "something else where a value is due"},
    {BYTES("{,"), 1, "something else where a name is due"},
    {BYTES("{\"a\":1,}"), 7, "something else where a name is due"},
    {BYTES("{a"), 1, "something else where a name is due"},
    {BYTES("{\"a\" 1"), 5, "something else where a colon is due"},
    {BYTES("[1 2"), 3, "something else where a comma or an end is due"},
    {BYTES("[1}"), 2, "something else where a comma or an end is due"},
    {BYTES("[}"), 1, "something else where a comma or an end is due"},
    {BYTES("{]"), 1, "something else where a comma or an end is due"},
    {BYTES("[01"), 2, "something else where a comma or an end is due"},
    {BYTES("[-x"), 2, "a number without its digits"},
    {BYTES("[1.]"), 3, "a number without its digits"},
    {BYTES("[1e]"), 3, "a number without its digits"},
    {BYTES("[1e+]"), 4, "a number without its digits"},
    {BYTES("+1"), 0, "something else where a value is due"},
    {BYTES("NaN"), 0, "something else where a value is due"},
    {BYTES("[nulx"), 4, "a word that is not true, false or null"},
    {BYTES("[\"\n"), 2, "a control character in a string"},
    {BYTES("[\"\0"), 2, "a control character in a string"},
    {BYTES("[\"\\x"), 3, "an escape that there is not"},
    {BYTES("[\"\\u12g4"), 6, "an escape without its four digits"},
    {BYTES("[\"\x80"), 2, "a byte that is not UTF-8"},
    {BYTES("[\"\xc0\x80"), 3, "a byte that is not UTF-8"},
    {BYTES("[\"\xed\xa0\x80"), 4, "a byte that is not UTF-8"},
    {BYTES("[\"\xf5\x80\x80\x80"), 5, "a byte that is not UTF-8"},
    {BYTES("[\"\xe2\x82\""), 4, "a byte that is not UTF-8"},
    {BYTES("[\xc3\xa4"), 1, "something else where a value is due"},
};

START_TEST(refuses) {
    static struct seen whole, cut;
    const char *paths[] = {".0", ".a", NULL};
    read_cut(&whole, paths, unit_guarded(wrong[_i].text, wrong[_i].n), wrong[_i].n, 0);
    ck_assert_str_eq(whole.p.error, wrong[_i].error);
    ck_assert_uint_eq(whole.p.at, wrong[_i].at);
    for (size_t at = 0; at <= wrong[_i].n; at++) {
        read_cut(&cut, paths, wrong[_i].text, wrong[_i].n, at);
        ck_assert(whole.p.error == cut.p.error && whole.p.at == cut.p.at);
    }
}
END_TEST

/* A text of `count` times one piece, with something around. */
static void push_many(struct seen *s, const char *path, const char *before, const char *piece,
                      size_t count, const char *behind) {
    const char *paths[] = {path};
    json_push_start(&s->p, paths, s->found, 1);
    json_push_bytes(&s->p, before, strlen(before));
    for (size_t i = 0; i < count; i++)
        json_push_bytes(&s->p, piece, strlen(piece));
    json_push_bytes(&s->p, behind, strlen(behind));
    json_push_end(&s->p);
}

START_TEST(is_bounded) {
    static struct seen s;
    push_many(&s, ".a", "{\"a\":\"", "x", LIMIT_JSON_VALUE, "\"}");
    ck_assert(s.p.error == NULL && s.found[0].n == LIMIT_JSON_VALUE && !s.found[0].unusable);
    push_many(&s, ".a", "{\"a\":\"", "x", LIMIT_JSON_VALUE + 1, "\"}");
    ck_assert(s.p.error == NULL && s.found[0].n == 0 && s.found[0].unusable);
    push_many(&s, ".a", "{\"a\":", "1", 1048576, "}");
    ck_assert(s.p.error == NULL && s.found[0].kind == JSON_NUMBER && s.found[0].unusable);
    push_many(&s, ".a", "{\"", "a", 1048576, "\":1,\"a\":2}");
    ck_assert(s.p.error == NULL && s.found[0].n == 1 && s.found[0].text[0] == '2');
    push_many(&s, ".0", "", "[", LIMIT_JSON_DEPTH, "");
    ck_assert_str_eq(s.p.error, "the end before that of the value");
    push_many(&s, ".0", "", "[", LIMIT_JSON_DEPTH + 1, "");
    ck_assert_uint_eq(s.p.at, LIMIT_JSON_DEPTH);
    ck_assert_str_eq(s.p.error, "more than 64 containers in one another");
    push_many(&s, ".1048575", "[", "1,", 1048575, "2]");
    ck_assert(s.p.error == NULL && s.found[0].n == 1 && s.found[0].text[0] == '2');
}
END_TEST

START_TEST(paths) {
    static const struct {
        const char *path;
        bool valid;
    } table[] = {{".a", true},     {".a.b.0", true}, {".é", true},    {"", false},
                 {".", false},     {"a", false},     {".a.", false},  {"..a", false},
                 {".a..b", false}, {".a b", false},  {".\xff", false}};
    char longest[LIMIT_JSON_NAME + 2], deepest[2 * LIMIT_JSON_DEPTH + 3];
    for (size_t i = 0; i < COUNT(table); i++)
        ck_assert_msg(json_path_is_valid((struct slice){table[i].path, strlen(table[i].path)})
                          == table[i].valid,
                      "%s", table[i].path);
    memset(longest, 'a', sizeof longest);
    longest[0] = '.';
    ck_assert(json_path_is_valid((struct slice){longest, LIMIT_JSON_NAME}));
    ck_assert(!json_path_is_valid((struct slice){longest, LIMIT_JSON_NAME + 1}));
    for (size_t i = 0; i < sizeof deepest; i++)
        deepest[i] = i % 2 == 0 ? '.' : 'a';
    ck_assert(json_path_is_valid((struct slice){deepest, 2 * LIMIT_JSON_DEPTH}));
    ck_assert(!json_path_is_valid((struct slice){deepest, 2 * LIMIT_JSON_DEPTH + 2}));
}
END_TEST

/* ---- forms ---- */

struct gathered {
    char text[64];
    size_t n;
};

static void gather(void *context, const char *bytes, size_t n) {
    struct gathered *g = context;
    ck_assert_uint_lt(g->n + n, sizeof g->text);
    memcpy(g->text + g->n, bytes, n);
    g->n += n;
}

static const struct {
    const char *text, *value; /* NULL: refused */
} forms[] = {
    {"payload=", ""},
    {"payload", ""},
    {"payload=%7B%22a%22%3A+1%7d", "{\"a\": 1}"},
    {"a=b&payload=x=y&c=d", "x=y"},
    {"p%61yload=x", "x"},
    {"payloads=y&payload=x", "x"},
    {"pay=y&&payload=x&", "x"},
    {"a=payload%3dz&payload=x", "x"},
    {"payload=%zz", NULL},
    {"payload=%4", NULL},
    {"payload=x&payload=y", NULL},
    {"payload&a=b&payload", NULL},
    {"Payload=x", NULL},
    {"payload%00=x", NULL},
    {"", NULL},
    {"{\"payload\":1}", NULL},
};

START_TEST(takes_forms) {
    const char *text = forms[_i].text;
    for (size_t cut = 0, n = strlen(text); cut <= n; cut++) {
        struct gathered g = {.n = 0};
        struct form_push f = {.name = "payload", .put = gather, .context = &g};
        form_push_bytes(&f, text, cut);
        form_push_bytes(&f, text + cut, n - cut);
        ck_assert(form_push_end(&f) == (forms[_i].value != NULL));
        if (forms[_i].value == NULL)
            continue;
        ck_assert_uint_eq(g.n, strlen(forms[_i].value));
        ck_assert_mem_eq(g.text, forms[_i].value, g.n);
    }
}
END_TEST

Suite *unit_json_push(void) {
    Suite *suite = suite_create("json_push");
    TCase *c = tcase_create("json_push");
    tcase_add_loop_test(c, finds, 0, COUNT(values));
    tcase_add_loop_test(c, refuses, 0, COUNT(wrong));
    tcase_add_test(c, is_bounded);
    tcase_add_test(c, paths);
    tcase_add_loop_test(c, takes_forms, 0, COUNT(forms));
    suite_add_tcase(suite, c);
    return suite;
}
