/* The functions of templates that print: print, println, printf. */
#include <string.h>

#include "docker/template_call.h"

struct slice template_f_print(const struct template_call *c) {
    size_t from = c->r->arena.len;
    for (size_t i = 0; i < c->n; i++) {
        /* A space between two neither of which is a string. */
        if (i > 0 && json_kind(c->argument[i - 1]) != JSON_STRING
            && json_kind(c->argument[i]) != JSON_STRING)
            buf_char(&c->r->arena, ' ');
        docker_template_print(
            &c->r->arena, json_kind(c->argument[i]) == JSON_NULL ? template_nil : c->argument[i]);
    }
    return template_string_since(c, from);
}

struct slice template_f_println(const struct template_call *c) {
    size_t from = c->r->arena.len;
    for (size_t i = 0; i < c->n; i++) {
        if (i > 0)
            buf_char(&c->r->arena, ' ');
        docker_template_print(
            &c->r->arena, json_kind(c->argument[i]) == JSON_NULL ? template_nil : c->argument[i]);
    }
    buf_char(&c->r->arena, '\n');
    return template_string_since(c, from);
}

/* One verb of printf: %, flags and width, and one of s, v, d, q, t. */
static void format_verb(const struct template_call *c, struct buf *out, const char **at,
                        const char *end, size_t *next) {
    const char *spec = *at;
    int width = 0;
    bool left = *spec == '-', zero = *spec == '0';
    spec += left || zero;
    for (; spec < end && *spec >= '0' && *spec <= '9' && width < 1000; spec++)
        width = width * 10 + (*spec - '0');
    if (spec == end || strchr("svdqt", *spec) == NULL)
        TEMPLATE_FAIL(
            c, "error calling printf: this client has no verbs but %%s, %%v, %%d, %%q and %%t, "
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
        TEMPLATE_FAIL(c, "error calling printf: %%%c does not fit its value", *spec);
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

struct slice template_f_printf(const struct template_call *c) {
    struct slice format = template_text_argument(c, 0);
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
    return template_string_since(c, from);
}
