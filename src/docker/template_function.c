/* The functions of templates: their table, and those of Go's text/template that don't print. */
#include <string.h>

#include "base/num.h"
#include "docker/template_call.h"

/* ---- arguments and results ---- */

struct slice template_text_argument(const struct template_call *c, size_t i) {
    struct buf *a = &c->r->arena;
    size_t from = a->len;
    enum json_kind kind = json_kind(c->argument[i]);
    if (kind != JSON_STRING && c->argument[i].at != template_none.at)
        TEMPLATE_FAIL(c, "error calling %s: argument %zu is no string", c->name, i + 1);
    json_text(a, c->argument[i]);
    return a->full ? (struct slice){"", 0} : (struct slice){a->at + from, a->len - from};
}

uint64_t template_count_argument(const struct template_call *c, size_t i) {
    uint64_t number = 0;
    if (!json_number(c->argument[i], LIMIT_DOCKER_MESSAGE, &number))
        TEMPLATE_FAIL(c, "error calling %s: argument %zu is no number from 0 to %d", c->name, i + 1,
                      LIMIT_DOCKER_MESSAGE);
    return number;
}

struct slice template_string_since(const struct template_call *c, size_t from) {
    struct buf *a = &c->r->arena;
    return a->full ? (struct slice){"\"\"", 2} : template_text(c->r, a->at + from, a->len - from);
}

struct slice template_bool_value(bool value) {
    return value ? (struct slice){"true", 4} : (struct slice){"false", 5};
}

struct slice template_number_value(const struct template_call *c, size_t value) {
    struct buf *a = &c->r->arena;
    size_t from = a->len;
    buf_format(a, "%zu", value);
    return a->full ? (struct slice){"0", 1} : (struct slice){a->at + from, a->len - from};
}

/* ---- Go's ---- */

static struct slice index_list(const struct template_call *c, struct slice list,
                               struct slice index) {
    struct json_walk walk = {list, false};
    struct slice key, element;
    uint64_t wanted = 0;
    if (!json_number(index, INT64_MAX, &wanted))
        TEMPLATE_FAIL(c, "error calling index: cannot index slice/array with type string");
    for (uint64_t i = 0; json_next(&walk, &key, &element); i++)
        if (i == wanted)
            return element;
    TEMPLATE_FAIL(c, "error calling index: index out of range: %llu", (unsigned long long)wanted);
}

/* A map's value; where there is none, an empty text among texts, else nil. */
static struct slice index_map(const struct template_call *c, struct slice map, struct slice name) {
    if (json_kind(name) != JSON_STRING)
        TEMPLATE_FAIL(c, "error calling index: value has type int; should be string");
    struct slice found = template_map_value(map, name), key, value;
    if (found.n > 0)
        return found;
    struct json_walk walk = {map, false};
    while (json_next(&walk, &key, &value))
        if (json_kind(value) != JSON_STRING)
            return template_nil;
    return (struct slice){"\"\"", 2};
}

/* What messages call a value that is neither null nor a list or map. */
static const char *type_name(enum json_kind kind) {
    return kind == JSON_STRING ? "string" : kind == JSON_BOOL ? "bool" : "int";
}

static struct slice f_index(const struct template_call *c) {
    struct slice value = c->argument[0];
    for (size_t i = 1; i < c->n; i++) {
        enum json_kind kind = json_kind(value);
        if (kind == JSON_ARRAY)
            value = index_list(c, value, c->argument[i]);
        else if (kind == JSON_OBJECT)
            value = index_map(c, value, c->argument[i]);
        else if (kind == JSON_NULL)
            TEMPLATE_FAIL(c, "error calling index: index of nil pointer");
        else
            TEMPLATE_FAIL(c, "error calling index: can't index item of type %s", type_name(kind));
    }
    return value;
}

static struct slice f_len(const struct template_call *c) {
    enum json_kind kind = json_kind(c->argument[0]);
    if (kind == JSON_STRING)
        return template_number_value(c, template_text_argument(c, 0).n);
    if (kind == JSON_NULL)
        TEMPLATE_FAIL(c, "error calling len: len of nil pointer");
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        TEMPLATE_FAIL(c, "error calling len: len of type %s", type_name(kind));
    return template_number_value(c, json_count(c->argument[0]));
}

static struct slice f_slice(const struct template_call *c) {
    struct slice s = template_text_argument(c, 0);
    uint64_t from = c->n > 1 ? template_count_argument(c, 1) : 0,
             to = c->n > 2 ? template_count_argument(c, 2) : s.n;
    if (from > to || to > s.n)
        TEMPLATE_FAIL(c, "error calling slice: index out of range: %llu",
                      (unsigned long long)(to > s.n ? to : from));
    return template_text(c->r, s.at + from, (size_t)(to - from));
}

static struct slice f_not(const struct template_call *c) {
    return template_bool_value(!template_truth(c->argument[0]));
}

static struct slice f_and(const struct template_call *c) {
    size_t i = 0;
    while (i < c->n - 1 && template_truth(c->argument[i]))
        i++;
    return c->argument[i];
}

static struct slice f_or(const struct template_call *c) {
    size_t i = 0;
    while (i < c->n - 1 && !template_truth(c->argument[i]))
        i++;
    return c->argument[i];
}

/* Below, at or above 0. Values of two kinds are never the same, and have no order. */
static int compare_arguments(const struct template_call *c, size_t i, size_t k, bool ordered) {
    struct slice a = c->argument[i], b = c->argument[k];
    enum json_kind kind = json_kind(a);
    uint64_t x, y;
    if (kind == JSON_NULL || json_kind(b) == JSON_NULL)
        return kind == json_kind(b) ? 0 : 1;
    if (kind != json_kind(b) || kind == JSON_ARRAY || kind == JSON_OBJECT
        || (ordered && kind == JSON_BOOL))
        TEMPLATE_FAIL(c, "error calling %s: incompatible types for comparison", c->name);
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
    struct slice s = kind == JSON_STRING ? template_text_argument(c, i) : a,
                 t = kind == JSON_STRING ? template_text_argument(c, k) : b;
    int order = memcmp(s.at, t.at, s.n < t.n ? s.n : t.n);
    return order != 0 ? order : (s.n > t.n) - (s.n < t.n);
}

static struct slice f_eq(const struct template_call *c) {
    bool same = false;
    for (size_t i = 1; i < c->n && !same; i++)
        same = compare_arguments(c, 0, i, false) == 0;
    return template_bool_value(same);
}

static struct slice f_ne(const struct template_call *c) {
    return template_bool_value(compare_arguments(c, 0, 1, false) != 0);
}
static struct slice f_lt(const struct template_call *c) {
    return template_bool_value(compare_arguments(c, 0, 1, true) < 0);
}
static struct slice f_le(const struct template_call *c) {
    return template_bool_value(compare_arguments(c, 0, 1, true) <= 0);
}
static struct slice f_gt(const struct template_call *c) {
    return template_bool_value(compare_arguments(c, 0, 1, true) > 0);
}
static struct slice f_ge(const struct template_call *c) {
    return template_bool_value(compare_arguments(c, 0, 1, true) >= 0);
}

/* ---- the table ---- */

enum { FUNCTION_MOST = TEMPLATE_ARGUMENTS - 1 }; /* arguments, where a function takes any number */

static const struct {
    const char *name;
    struct slice (*call)(const struct template_call *c);
    size_t least, most;
    bool titles; /* leaves titles as they are */
} functions[] = {
    {"json", template_f_json, 1, 1, true},
    {"split", template_f_split, 2, 2, true},
    {"join", template_f_join, 2, 2, true},
    {"title", template_f_title, 1, 1, true},
    {"lower", template_f_lower, 1, 1, true},
    {"upper", template_f_upper, 1, 1, true},
    {"pad", template_f_pad, 3, 3, false},
    {"truncate", template_f_truncate, 2, 2, true},
    {"index", f_index, 1, FUNCTION_MOST, false},
    {"len", f_len, 1, 1, false},
    {"slice", f_slice, 1, 3, false},
    {"not", f_not, 1, 1, false},
    {"and", f_and, 1, FUNCTION_MOST, false},
    {"or", f_or, 1, FUNCTION_MOST, false},
    {"eq", f_eq, 2, FUNCTION_MOST, false},
    {"ne", f_ne, 2, 2, false},
    {"lt", f_lt, 2, 2, false},
    {"le", f_le, 2, 2, false},
    {"gt", f_gt, 2, 2, false},
    {"ge", f_ge, 2, 2, false},
    {"print", template_f_print, 0, FUNCTION_MOST, false},
    {"println", template_f_println, 0, FUNCTION_MOST, false},
    {"printf", template_f_printf, 1, FUNCTION_MOST, false},
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
    struct template_call c = {r, functions[i].name, argument, n, from, to};
    if (n < functions[i].least || n > functions[i].most)
        TEMPLATE_FAIL(&c, "wrong number of args for %s: want %s%zu got %zu", c.name,
                      functions[i].least < functions[i].most ? "at least " : "", functions[i].least,
                      n);
    return r->t->header && functions[i].titles ? argument[0] : functions[i].call(&c);
}
