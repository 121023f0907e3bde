/* The functions of templates that docker(1) adds to Go's. */
#include <stdio.h>
#include <string.h>
#include <wctype.h>

#include "docker/template_call.h"
#include "docker/zero.h"
#include "wire/utf8.h"

/* The JSON of a value. In a row of a list (docker/rows.h) docker(1) has <, > and & escaped, and the
 * member whose name begins with a space is left out. */
struct slice template_f_json(const struct template_call *c) {
    struct buf *a = &c->r->arena;
    struct slice value = c->argument[0];
    bool is_row = c->r->t->row && value.at == c->r->whole.at, first = true;
    size_t from = a->len;
    if (value.at == docker_zero_list.at || value.at == docker_zero_map.at)
        value = template_none;
    if (!is_row) {
        template_json(a, value, false);
        return template_string_since(c, from);
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
    return template_string_since(c, from);
}

struct slice template_f_split(const struct template_call *c) {
    struct slice whole = template_text_argument(c, 0), by = template_text_argument(c, 1);
    struct buf *a = &c->r->arena;
    size_t from = a->len;
    buf_char(a, '[');
    while (by.n > 0 || whole.n > 0) {
        uint32_t code;
        const char *cut = by.n > 0 ? memmem(whole.at, whole.n, by.at, by.n)
                                   : whole.at + utf8_read_any(whole.at, whole.n, &code);
        size_t length = cut != NULL ? (size_t)(cut - whole.at) : whole.n;
        if (a->len > from + 1)
            buf_char(a, ',');
        json_quote(a, whole.at, length);
        if (cut == NULL || a->full)
            break;
        whole = (struct slice){whole.at + length + by.n, whole.n - length - by.n};
    }
    buf_char(a, ']');
    return a->full ? (struct slice){"[]", 2} : (struct slice){a->at + from, a->len - from};
}

struct slice template_f_join(const struct template_call *c) {
    struct buf *a = &c->r->arena;
    struct slice by = template_text_argument(c, 1), key, element;
    struct json_walk walk = {c->argument[0], false};
    size_t from = a->len;
    if (json_kind(c->argument[0]) != JSON_ARRAY && json_kind(c->argument[0]) != JSON_NULL)
        TEMPLATE_FAIL(c, "error calling join: argument 1 is no list of strings");
    for (bool first = true; json_next(&walk, &key, &element); first = false) {
        if (json_kind(element) != JSON_STRING)
            TEMPLATE_FAIL(c, "error calling join: argument 1 is no list of strings");
        if (!first)
            buf_bytes(a, by.at, by.n);
        json_text(a, element);
    }
    return template_string_since(c, from);
}

static struct slice with_case(const struct template_call *c, bool upper, bool words) {
    struct slice s = template_text_argument(c, 0);
    size_t from = c->r->arena.len;
    bool inside = false; /* a word */
    for (size_t i = 0; i < s.n;) {
        uint32_t code;
        i += utf8_read_any(s.at + i, s.n - i, &code);
        utf8_write(&c->r->arena, words && inside ? code : upper ? towupper(code) : towlower(code));
        inside = iswalnum(code) || code == '_' || code == '\'';
    }
    return template_string_since(c, from);
}

struct slice template_f_title(const struct template_call *c) {
    return with_case(c, true, true);
}
struct slice template_f_lower(const struct template_call *c) {
    return with_case(c, false, false);
}
struct slice template_f_upper(const struct template_call *c) {
    return with_case(c, true, false);
}

struct slice template_f_pad(const struct template_call *c) {
    struct slice s = template_text_argument(c, 0);
    size_t from = c->r->arena.len;
    if (s.n > 0)
        buf_format(&c->r->arena, "%*s%.*s%*s", (int)template_count_argument(c, 1), "", (int)s.n,
                   s.at, (int)template_count_argument(c, 2), "");
    return template_string_since(c, from);
}

struct slice template_f_truncate(const struct template_call *c) {
    struct slice s = template_text_argument(c, 0);
    uint64_t n = template_count_argument(c, 1);
    return template_text(c->r, s.at, n < s.n ? (size_t)n : s.n);
}
