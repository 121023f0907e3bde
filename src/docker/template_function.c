/* The functions of templates: those of Go's text/template, and those that docker(1) adds. */
#include <stdio.h>
#include <string.h>
#include <wctype.h>

#include "base/num.h"
#include "docker/template_run.h"
#include "docker/zero.h"
#include "wire/utf8.h"

/* A call: the function's own place, for messages, and its arguments. */
struct call {
    struct template_run *r;
    const char *name;
    const struct slice *argument;
    size_t n;
    const char *from, *to;
};

#define FAIL(c, ...) template_fail((c)->r, (c)->from, (c)->from, (c)->to, __VA_ARGS__)

/* An argument's text; it lies in the arena. */
static struct slice text_argument(const struct call *c, size_t i) {
    struct buf *a = &c->r->arena;
    size_t from = a->len;
    enum json_kind kind = json_kind(c->argument[i]);
    if (kind != JSON_STRING && c->argument[i].at != template_none.at)
        FAIL(c, "error calling %s: argument %zu is no string", c->name, i + 1);
    json_text(a, c->argument[i]);
    return a->full ? (struct slice){"", 0} : (struct slice){a->at + from, a->len - from};
}

static uint64_t count_argument(const struct call *c, size_t i) {
    uint64_t number = 0;
    if (!json_number(c->argument[i], LIMIT_DOCKER_MESSAGE, &number))
        FAIL(c, "error calling %s: argument %zu is no number from 0 to %d", c->name, i + 1,
             LIMIT_DOCKER_MESSAGE);
    return number;
}

/* What was added to the arena since `from` as a string. */
static struct slice string_since(const struct call *c, size_t from) {
    struct buf *a = &c->r->arena;
    return a->full ? (struct slice){"\"\"", 2} : template_text(c->r, a->at + from, a->len - from);
}

static struct slice bool_value(bool value) {
    return value ? (struct slice){"true", 4} : (struct slice){"false", 5};
}

static struct slice number_value(const struct call *c, size_t value) {
    struct buf *a = &c->r->arena;
    size_t from = a->len;
    buf_format(a, "%zu", value);
    return a->full ? (struct slice){"0", 1} : (struct slice){a->at + from, a->len - from};
}

/* ---- docker(1)'s ---- */

/* A row, which is an object made here, has <, > and & escaped (it is json.Marshal's); its hidden
 * member is none. */
static struct slice f_json(const struct call *c) {
    struct buf *a = &c->r->arena;
    struct slice value = c->argument[0];
    bool is_row = c->r->t->row && value.at == c->r->whole.at, first = true;
    size_t from = a->len;
    if (value.at == docker_zero_list.at || value.at == docker_zero_map.at)
        value = template_none;
    if (!is_row) {
        template_json(a, value, false);
        return string_since(c, from);
    }
    struct template_walk walk = template_walk_start(value);
    struct slice key, member;
    buf_char(a, '{');
    while (template_walk_next(&walk, &key, &member)) {
        if (key.at[1] == ' ')
            continue;
        if (!first)
            buf_char(a, ',');
        first = false;
        template_json(a, key, true);
        buf_char(a, ':');
        template_json(a, member, true);
    }
    template_walk_end(&walk);
    buf_char(a, '}');
    return string_since(c, from);
}

static struct slice f_split(const struct call *c) {
    struct slice whole = text_argument(c, 0), by = text_argument(c, 1);
    struct buf *a = &c->r->arena;
    size_t from = a->len;
    buf_char(a, '[');
    for (size_t n = 0; by.n == 0 ? n < whole.n : true; n++) {
        uint32_t code;
        const char *cut = by.n > 0 ? memmem(whole.at, whole.n, by.at, by.n)
                                   : whole.at + utf8_read(whole.at, whole.n, &code);
        size_t length = cut != NULL ? (size_t)(cut - whole.at) : whole.n;
        length = length == 0 && by.n == 0 ? 1 : length;
        if (n > 0)
            buf_char(a, ',');
        json_quote(a, whole.at, length);
        if (cut == NULL || a->full)
            break;
        whole = (struct slice){whole.at + length + by.n, whole.n - length - by.n};
        if (by.n == 0 && whole.n == 0)
            break;
    }
    buf_char(a, ']');
    return a->full ? (struct slice){"[]", 2} : (struct slice){a->at + from, a->len - from};
}

static struct slice f_join(const struct call *c) {
    struct buf *a = &c->r->arena;
    struct slice by = text_argument(c, 1), key, element;
    struct json_walk walk = {c->argument[0], false};
    size_t from = a->len;
    if (json_kind(c->argument[0]) != JSON_ARRAY && json_kind(c->argument[0]) != JSON_NULL)
        FAIL(c, "error calling join: argument 1 is no list of strings");
    for (bool first = true; json_next(&walk, &key, &element); first = false) {
        if (json_kind(element) != JSON_STRING)
            FAIL(c, "error calling join: argument 1 is no list of strings");
        if (!first)
            buf_bytes(a, by.at, by.n);
        json_text(a, element);
    }
    return string_since(c, from);
}

static void add_character(struct buf *b, wint_t code) {
    char at[5];
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    at[0] = (char)(lead[n] | code >> 6 * (n - 1));
    for (int i = 1; i < n; i++)
        at[i] = (char)(0x80 | (code >> 6 * (n - 1 - i) & 0x3f));
    buf_bytes(b, at, (size_t)n);
}

static struct slice with_case(const struct call *c, bool upper, bool words) {
    struct slice s = text_argument(c, 0);
    size_t from = c->r->arena.len, length;
    bool inside = false; /* a word */
    for (size_t i = 0; i < s.n; i += length) {
        uint32_t code;
        length = utf8_read(s.at + i, s.n - i, &code);
        if (length == 0)
            break;
        add_character(&c->r->arena, words && inside ? code
                                    : upper         ? towupper(code)
                                                    : towlower(code));
        inside = iswalnum(code) || code == '_' || code == '\'';
    }
    return string_since(c, from);
}

static struct slice f_title(const struct call *c) { return with_case(c, true, true); }
static struct slice f_lower(const struct call *c) { return with_case(c, false, false); }
static struct slice f_upper(const struct call *c) { return with_case(c, true, false); }

static struct slice f_pad(const struct call *c) {
    struct slice s = text_argument(c, 0);
    size_t from = c->r->arena.len;
    if (s.n > 0)
        buf_format(&c->r->arena, "%*s%.*s%*s", (int)count_argument(c, 1), "", (int)s.n, s.at,
                   (int)count_argument(c, 2), "");
    return string_since(c, from);
}

static struct slice f_truncate(const struct call *c) {
    struct slice s = text_argument(c, 0);
    size_t n = count_argument(c, 1);
    return template_text(c->r, s.at, n < s.n ? n : s.n);
}

/* ---- Go's ---- */

static struct slice index_list(const struct call *c, struct slice list, struct slice index) {
    struct json_walk walk = {list, false};
    struct slice key, element;
    uint64_t wanted = 0;
    if (!json_number(index, INT64_MAX, &wanted))
        FAIL(c, "error calling index: cannot index slice/array with type string");
    for (uint64_t i = 0; json_next(&walk, &key, &element); i++)
        if (i == wanted)
            return element;
    FAIL(c, "error calling index: index out of range: %llu", (unsigned long long)wanted);
}

/* A map's value; where there is none, an empty text among texts, else nil. */
static struct slice index_map(const struct call *c, struct slice map, struct slice name) {
    struct json_walk walk = {map, false};
    struct slice key, value, found = {NULL, 0};
    char wanted[LIMIT_DOCKER_MESSAGE], at[LIMIT_DOCKER_MESSAGE];
    struct buf w = BUF_ON(wanted);
    bool texts = true;
    if (json_kind(name) != JSON_STRING)
        FAIL(c, "error calling index: value has type int; should be string");
    json_text(&w, name);
    while (json_next(&walk, &key, &value)) {
        struct buf b = BUF_ON(at);
        json_text(&b, key);
        texts = texts && json_kind(value) == JSON_STRING;
        if (!b.full && b.len == w.len && memcmp(at, wanted, w.len) == 0)
            found = value;
    }
    return found.n > 0 ? found : texts ? (struct slice){"\"\"", 2} : template_nil;
}

static struct slice f_index(const struct call *c) {
    struct slice value = c->argument[0];
    for (size_t i = 1; i < c->n; i++) {
        enum json_kind kind = json_kind(value);
        if (kind == JSON_ARRAY)
            value = index_list(c, value, c->argument[i]);
        else if (kind == JSON_OBJECT)
            value = index_map(c, value, c->argument[i]);
        else if (kind == JSON_NULL)
            FAIL(c, "error calling index: index of nil pointer");
        else
            FAIL(c, "error calling index: can't index item of type %s",
                 kind == JSON_STRING ? "string" : "int");
    }
    return value;
}

static struct slice f_len(const struct call *c) {
    enum json_kind kind = json_kind(c->argument[0]);
    if (kind == JSON_STRING)
        return number_value(c, text_argument(c, 0).n);
    if (kind == JSON_NULL)
        FAIL(c, "error calling len: len of nil pointer");
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        FAIL(c, "error calling len: len of type int");
    return number_value(c, json_count(c->argument[0]));
}

static struct slice f_slice(const struct call *c) {
    struct slice s = text_argument(c, 0);
    size_t from = c->n > 1 ? count_argument(c, 1) : 0, to = c->n > 2 ? count_argument(c, 2) : s.n;
    if (from > to || to > s.n)
        FAIL(c, "error calling slice: index out of range: %zu", to > s.n ? to : from);
    return template_text(c->r, s.at + from, to - from);
}

static struct slice f_not(const struct call *c) {
    return bool_value(!template_truth(c->argument[0]));
}

static struct slice f_and(const struct call *c) {
    size_t i = 0;
    while (i < c->n - 1 && template_truth(c->argument[i]))
        i++;
    return c->argument[i];
}

static struct slice f_or(const struct call *c) {
    size_t i = 0;
    while (i < c->n - 1 && !template_truth(c->argument[i]))
        i++;
    return c->argument[i];
}

/* Below, at or above 0. Values of two kinds are never the same, and have no order. */
static int compare_arguments(const struct call *c, size_t i, size_t k, bool ordered) {
    struct slice a = c->argument[i], b = c->argument[k];
    enum json_kind kind = json_kind(a);
    uint64_t x, y;
    if (kind == JSON_NULL || json_kind(b) == JSON_NULL)
        return kind == json_kind(b) ? 0 : 1;
    if (kind != json_kind(b) || kind == JSON_ARRAY || kind == JSON_OBJECT
        || (ordered && kind == JSON_BOOL))
        FAIL(c, "error calling %s: incompatible types for comparison", c->name);
    if (kind == JSON_NUMBER && a.at[0] == '-' && b.at[0] == '-') {
        struct slice swap = a;
        a = (struct slice){b.at + 1, b.n - 1};
        b = (struct slice){swap.at + 1, swap.n - 1};
    } else if (kind == JSON_NUMBER && (a.at[0] == '-' || b.at[0] == '-')) {
        return a.at[0] == '-' ? -1 : 1;
    }
    if (kind == JSON_NUMBER && num_decimal(a.at, a.n, UINT64_MAX, &x)
        && num_decimal(b.at, b.n, UINT64_MAX, &y))
        return (x > y) - (x < y);
    struct slice s = kind == JSON_STRING ? text_argument(c, i) : a,
                 t = kind == JSON_STRING ? text_argument(c, k) : b;
    int order = memcmp(s.at, t.at, s.n < t.n ? s.n : t.n);
    return order != 0 ? order : (s.n > t.n) - (s.n < t.n);
}

static struct slice f_eq(const struct call *c) {
    bool same = false;
    for (size_t i = 1; i < c->n && !same; i++)
        same = compare_arguments(c, 0, i, false) == 0;
    return bool_value(same);
}

static struct slice f_ne(const struct call *c) {
    return bool_value(compare_arguments(c, 0, 1, false) != 0);
}
static struct slice f_lt(const struct call *c) {
    return bool_value(compare_arguments(c, 0, 1, true) < 0);
}
static struct slice f_le(const struct call *c) {
    return bool_value(compare_arguments(c, 0, 1, true) <= 0);
}
static struct slice f_gt(const struct call *c) {
    return bool_value(compare_arguments(c, 0, 1, true) > 0);
}
static struct slice f_ge(const struct call *c) {
    return bool_value(compare_arguments(c, 0, 1, true) >= 0);
}

static struct slice f_print(const struct call *c) {
    size_t from = c->r->arena.len;
    for (size_t i = 0; i < c->n; i++) {
        /* A space between two neither of which is a string. */
        if (i > 0 && json_kind(c->argument[i - 1]) != JSON_STRING
            && json_kind(c->argument[i]) != JSON_STRING)
            buf_char(&c->r->arena, ' ');
        docker_template_print(
            &c->r->arena, json_kind(c->argument[i]) == JSON_NULL ? template_nil : c->argument[i]);
    }
    return string_since(c, from);
}

static struct slice f_println(const struct call *c) {
    size_t from = c->r->arena.len;
    for (size_t i = 0; i < c->n; i++) {
        if (i > 0)
            buf_char(&c->r->arena, ' ');
        docker_template_print(
            &c->r->arena, json_kind(c->argument[i]) == JSON_NULL ? template_nil : c->argument[i]);
    }
    buf_char(&c->r->arena, '\n');
    return string_since(c, from);
}

/* One verb of printf: %, flags and width, and one of s, v, d, q, t. */
static void format_verb(const struct call *c, struct buf *out, const char **at, const char *end,
                        size_t *next) {
    const char *spec = *at;
    int width = 0;
    bool left = *spec == '-', zero = *spec == '0';
    spec += left || zero;
    for (; spec < end && *spec >= '0' && *spec <= '9' && width < 1000; spec++)
        width = width * 10 + (*spec - '0');
    if (spec == end || strchr("svdqt", *spec) == NULL)
        FAIL(c, "error calling printf: this client has no verbs but %%s, %%v, %%d, %%q and %%t, "
                "with a width");
    *at = spec + 1;
    if (*next == c->n) {
        buf_format(out, "%%!%c(MISSING)", *spec);
        return;
    }
    struct slice value = c->argument[(*next)++];
    enum json_kind kind = json_kind(value);
    bool fits = *spec == 'v' || *spec == 's'
                || (*spec == 'd'   ? kind == JSON_NUMBER
                    : *spec == 't' ? kind == JSON_BOOL
                                   : kind == JSON_STRING);
    if (!fits || (*spec == 's' && (kind == JSON_NUMBER || kind == JSON_BOOL)))
        FAIL(c, "error calling printf: %%%c does not fit its value", *spec);
    size_t from = out->len;
    if (*spec == 'q')
        json_requote(out, value, false);
    else
        docker_template_print(out, kind == JSON_NULL ? template_nil : value);
    size_t used = 0;
    for (size_t i = from; i < out->len; i++)
        used += ((unsigned char)out->at[i] & 0xc0) != 0x80;
    size_t pad = (size_t)width > used ? (size_t)width - used : 0, n = out->len - from;
    for (size_t i = 0; i < pad; i++)
        buf_char(out, zero && !left && kind == JSON_NUMBER ? '0' : ' ');
    if (!left && !out->full) {
        memmove(out->at + from + pad, out->at + from, n);
        memset(out->at + from, zero && kind == JSON_NUMBER ? '0' : ' ', pad);
    }
}

static struct slice f_printf(const struct call *c) {
    struct slice format = text_argument(c, 0);
    struct buf *a = &c->r->arena;
    size_t from = a->len, next = 1;
    const char *at = format.at, *end = at + format.n;
    while (at < end) {
        char b = *at++;
        if (b != '%' || (at < end && *at == '%')) {
            buf_char(a, b);
            at += b == '%';
            continue;
        }
        format_verb(c, a, &at, end, &next);
    }
    return string_since(c, from);
}

static const struct {
    const char *name;
    struct slice (*call)(const struct call *c);
    size_t least, most;
    bool titles; /* leaves titles as they are */
} functions[] = {
    {"json", f_json, 1, 1, true},       {"split", f_split, 2, 2, true},
    {"join", f_join, 2, 2, true},       {"title", f_title, 1, 1, true},
    {"lower", f_lower, 1, 1, true},     {"upper", f_upper, 1, 1, true},
    {"pad", f_pad, 3, 3, false},        {"truncate", f_truncate, 2, 2, true},
    {"index", f_index, 1, 15, false},   {"len", f_len, 1, 1, false},
    {"slice", f_slice, 1, 3, false},    {"not", f_not, 1, 1, false},
    {"and", f_and, 1, 15, false},       {"or", f_or, 1, 15, false},
    {"eq", f_eq, 2, 15, false},         {"ne", f_ne, 2, 2, false},
    {"lt", f_lt, 2, 2, false},          {"le", f_le, 2, 2, false},
    {"gt", f_gt, 2, 2, false},          {"ge", f_ge, 2, 2, false},
    {"print", f_print, 0, 15, false},   {"println", f_println, 0, 15, false},
    {"printf", f_printf, 1, 15, false},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

bool template_is_function(struct slice name) {
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (slice_is(name, functions[i].name))
            return true;
    return false;
}

struct slice template_call(struct template_run *r, struct slice name, const struct slice *argument,
                           size_t n, const char *from, const char *to) {
    size_t i = 0;
    while (!slice_is(name, functions[i].name))
        i++;
    struct call c = {r, functions[i].name, argument, n, from, to};
    if (n < functions[i].least || n > functions[i].most)
        FAIL(&c, "wrong number of args for %s: want %s%zu got %zu", c.name,
             functions[i].least < functions[i].most ? "at least " : "", functions[i].least, n);
    return r->t->header && functions[i].titles ? argument[0] : functions[i].call(&c);
}
