/* What stands within an action: pipelines, commands, operands. */
#include <string.h>

#include "docker/template_run.h"
#include "docker/zero.h"

static bool is_decimal(char c) { return c >= '0' && c <= '9'; }
bool template_is_name(char c) {
    return is_decimal(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct template_run *r) { return r->at < r->end ? *r->at : '\0'; }

/* The bytes of the name at `at`. */
static size_t name_length(const struct template_run *r, const char *at) {
    size_t n = 0;
    while (at + n < r->end && template_is_name(at[n]))
        n++;
    return n;
}

/* Whether a command's words end here. */
static bool ends_command(const struct template_run *r) {
    char c = peek(r);
    return c == '\0' || c == '|' || c == ')' || c == '}'
           || (c == '-' && r->end - r->at > 2 && memcmp(r->at, "-}}", 3) == 0);
}

/* ---- fields ---- */

/* A container's labels by name, which is a method in Go: {{.Label "x"}}. In titles it is the name's
 * last part. */
static struct slice label_value(struct template_run *r, struct slice labels, struct slice argument,
                                const char *from) {
    if (json_kind(argument) != JSON_STRING)
        template_fail(r, from, from, r->at, "wrong type for value; expected string");
    if (r->t->header) {
        size_t start = r->arena.len;
        json_text(&r->arena, argument);
        const char *text = r->arena.at + start,
                   *dot = r->arena.len > start ? memrchr(text, '.', r->arena.len - start) : NULL;
        text = dot != NULL ? dot + 1 : text;
        for (char *c = r->arena.at + (text - r->arena.at); c < r->arena.at + r->arena.len; c++)
            *c = *c == '-' || *c == '_' ? ' ' : *c;
        return template_text(r, text, (size_t)(r->arena.at + r->arena.len - text));
    }
    struct slice found = template_map_value(labels, argument);
    return found.n > 0 ? found : (struct slice){"\"\"", 2};
}

/* Where a field stands, for messages: the node [from, to) of the template's text, and the place
 * that Go names for it. */
struct node {
    const char *place, *from, *to;
    /* The field before this one, if any: where its value is null, messages name it instead. */
    struct slice before;
};

static _Noreturn void fail_field(struct template_run *r, struct slice value, struct slice name,
                                 struct node node) {
    if (r->t->type != NULL && value.at == r->whole.at)
        template_fail(r, node.place, node.from, node.to, "can't evaluate field %.*s in type %s",
                      (int)name.n, name.at, r->t->type);
    if (json_kind(value) == JSON_OBJECT)
        template_fail(r, node.place, node.from, node.to, "map has no entry for key \"%.*s\"",
                      (int)name.n, name.at);
    if (json_kind(value) == JSON_NULL && node.before.n > 0)
        template_fail(r, node.place, node.from, node.to, "map has no entry for key \"%.*s\"",
                      (int)node.before.n, node.before.at);
    if (json_kind(value) == JSON_NULL)
        template_fail(r, node.place, node.from, node.to, "nil pointer evaluating interface {}.%.*s",
                      (int)name.n, name.at);
    template_fail(r, node.place, node.from, node.to,
                  "can't evaluate field %.*s in type interface {}", (int)name.n, name.at);
}

static struct slice field_value(struct template_run *r, struct slice value, struct slice name,
                                struct node node) {
    struct slice found = template_member(value, name);
    bool is_row = r->t->row && value.at == r->whole.at;
    if (found.n > 0 && json_kind(found) != JSON_NULL)
        return found;
    struct slice zero =
        json_kind(value) == JSON_OBJECT && !is_row ? docker_zero_of(name) : template_none;
    if (zero.at != template_none.at)
        return zero;
    if (found.n == 0 && !r->t->header)
        fail_field(r, value, name, node);
    return is_row && !r->t->header ? template_nil : template_none;
}

static struct slice read_operand(struct template_run *r, struct slice dot);

/* The name of a row's member that holds the labels by their names (docker/ps_row.c). */
static const struct slice labels_member = {" ", 1};

/* .A.B.C behind a value; the node begins at `from`, which may be here. */
static struct slice read_fields(struct template_run *r, struct slice value, const char *from) {
    const char *to = r->at, *second = r->at;
    while (to < r->end && *to == '.' && name_length(r, to + 1) > 0) {
        to += 1 + name_length(r, to + 1);
        second = second == from && to < r->end && *to == '.' ? to : second;
    }
    struct slice before = {NULL, 0};
    while (peek(r) == '.') {
        struct slice name = {r->at + 1, name_length(r, r->at + 1)};
        if (name.n == 0 || is_decimal(name.at[0]))
            template_bad(r, "unexpected <.> in operand");
        r->at += 1 + name.n;
        if (r->t->row && slice_is(name, "Label") && value.at == r->whole.at
            && (!r->live || template_member(value, labels_member).n > 0)) {
            template_skip_space(r);
            if (ends_command(r))
                template_bad(r, "wrong number of args for Label: want 1 got 0");
            struct slice argument = read_operand(r, r->whole);
            value = r->live ? label_value(r, template_member(value, labels_member), argument, from)
                            : template_none;
        } else if (r->live) {
            value = field_value(r, value, name, (struct node){second, from, to, before});
        }
        before = name;
    }
    return value;
}

/* ---- operands ---- */

static struct slice read_string_literal(struct template_run *r) {
    static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    char quote = *r->at++;
    for (; peek(r) != quote; r->at++) {
        if (r->at == r->end || (quote == '"' && *r->at == '\n'))
            template_bad(r, "unterminated %squoted string", quote == '`' ? "raw " : "");
        if (quote == '`' || *r->at != '\\') {
            buf_char(&b, *r->at);
            continue;
        }
        r->at++;
        const char *known = peek(r) != '\0' ? strchr(from, *r->at) : NULL;
        if (known == NULL)
            template_bad(
                r,
                "this client has no escapes in a string but \\n, \\t, \\\", \\\\ and their like");
        /* template_bad does not return. */
        /* cppcheck-suppress nullPointerArithmeticRedundantCheck */
        buf_char(&b, to[known - from]);
    }
    r->at++;
    if (b.full)
        template_bad(r, "a string is longer than this client has room for");
    return r->live ? template_text(r, b.at, b.len) : template_none;
}

static struct slice read_number_literal(struct template_run *r) {
    const char *from = r->at;
    r->at += *from == '-';
    while (template_is_name(peek(r)) || peek(r) == '.')
        r->at++;
    struct slice number = {from, (size_t)(r->at - from)};
    if (number.n > 20 || !json_is_valid(number))
        template_bad(r, "bad number syntax: \"%.*s\"", (int)number.n, from);
    return number;
}

static struct slice read_variable(struct template_run *r) {
    const char *from = r->at++;
    r->at += name_length(r, r->at);
    struct slice name = {from, (size_t)(r->at - from)};
    if (name.n == 1)
        return r->whole;
    for (size_t i = r->n_variables; i-- > 0;)
        if (r->variables[i].name.n == name.n && memcmp(r->variables[i].name.at, from, name.n) == 0)
            return r->variables[i].value;
    template_bad(r, "undefined variable \"%.*s\"", (int)name.n, from);
}

static struct slice read_named_operand(struct template_run *r) {
    const char *from = r->at;
    struct slice name = {from, name_length(r, from)};
    r->at += name.n;
    if (slice_is(name, "true") || slice_is(name, "false"))
        return name;
    if (slice_is(name, "nil"))
        return template_nil;
    if (!template_is_function(name))
        template_bad(r, "function \"%.*s\" not defined", (int)name.n, from);
    return r->live ? template_call(r, name, NULL, 0, from, r->at) : template_none;
}

static struct slice read_operand(struct template_run *r, struct slice dot) {
    const char *from = r->at;
    char c = peek(r);
    struct slice value;
    if (c == '.' && name_length(r, from + 1) == 0) {
        r->at++;
        return dot;
    }
    if (c == '.')
        return read_fields(r, dot, from);
    if (c == '"' || c == '`')
        return read_string_literal(r);
    if (is_decimal(c) || (c == '-' && r->at + 1 < r->end && is_decimal(r->at[1])))
        return read_number_literal(r);
    if (c == '$') {
        value = read_variable(r);
    } else if (c == '(') {
        if (++r->depth > LIMIT_JSON_DEPTH)
            template_bad(r, "there are more levels than this client has room for");
        r->at++;
        value = template_pipeline(r, dot);
        if (peek(r) != ')')
            template_bad(r, "unclosed left paren");
        r->at++;
        r->depth--;
    } else if (template_is_name(c)) {
        return read_named_operand(r);
    } else {
        template_bad(r,
                     c == '\0'                          ? "unclosed action"
                     : c == '}' || c == ')' || c == '|' ? "missing value for command"
                                                        : "unexpected bad character %c in command",
                     c);
    }
    return read_fields(r, value, from);
}

/* ---- commands and pipelines ---- */

/* A command; `piped` is what the one before it has made, the last argument of a function. */
static struct slice run_command(struct template_run *r, struct slice dot,
                                const struct slice *piped) {
    struct slice argument[TEMPLATE_ARGUMENTS];
    size_t n = 0, length = name_length(r, r->at);
    const char *from = r->at;
    struct slice name = {from, length}, value = template_none;
    bool calls = length > 0 && !is_decimal(*from) && template_is_function(name);
    if (calls)
        r->at += length;
    else
        value = read_operand(r, dot);
    const char *to = r->at;
    bool live = r->live, is_and = slice_is(name, "and"), is_or = slice_is(name, "or");
    for (template_skip_space(r); !ends_command(r); template_skip_space(r)) {
        if (n >= TEMPLATE_ARGUMENTS - 1)
            template_bad(r, "there are more arguments than this client has room for");
        argument[n++] = read_operand(r, dot);
        to = r->at;
        if (r->live && (is_and || is_or) && template_truth(argument[n - 1]) == is_or) {
            value = argument[n - 1]; /* that decides it: the others are only read */
            r->live = false;
        }
        if (!ends_command(r) && strchr(" \t\r\n", peek(r)) == NULL)
            template_bad(r, "unexpected \"%c\" in operand", peek(r));
    }
    bool decided = live && !r->live;
    r->live = live;
    if (piped != NULL)
        argument[n++] = *piped;
    if (!live)
        return template_none;
    if (decided)
        return value;
    if (calls)
        return template_call(r, name, argument, n, from, to);
    if (n > 0)
        template_fail(r, from, from, to, "can't give argument to non-function %.*s",
                      (int)(to - from), from);
    return value;
}

struct slice template_pipeline(struct template_run *r, struct slice dot) {
    template_skip_space(r);
    struct slice value = run_command(r, dot, NULL);
    for (template_skip_space(r); peek(r) == '|'; template_skip_space(r)) {
        r->at++;
        template_skip_space(r);
        value = run_command(r, dot, &value);
    }
    return value;
}
