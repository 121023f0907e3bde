#include "core/hook_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/matcher.h"
#include "wire/ere.h"
#include "wire/json_path.h"
#include "wire/utf8.h"

static const char white_space[] = " \t\r";

/* Room for an expression while it is used. */
static _Alignas(16) char memory[LIMIT_HOOK_MEMORY];

static enum ere_result compile(struct ere *e, struct slice text, struct ere_fault *fault) {
    return ere_compile(e, text, false, memory, sizeof memory, matcher_work(), fault);
}

bool hook_rule_matches(const struct hook_rule *rule, struct slice text) {
    struct ere e;
    struct ere_fault fault;
    return compile(&e, rule->expression, &fault) == ERE_GOOD && ere_match(&e, text, matcher_run());
}

/* ---- one line ---- */

struct line {
    struct slice whole;
    const char *at; /* how far it was read */
    const char *wrong;
    struct ere_fault fault; /* of its expression, where `wrong` is its text */
};

static struct slice rest_of(const struct line *l) {
    return (struct slice){l->at, (size_t)(l->whole.at + l->whole.n - l->at)};
}

static void skip_space(struct line *l) { l->at = slice_trim_front(rest_of(l), white_space).at; }

/* Takes what stands before white space or a =, and the white space behind it. */
static struct slice take_word(struct line *l) {
    struct slice rest = rest_of(l), word = {l->at, 0};
    while (word.n < rest.n && memchr(" \t\r=", rest.at[word.n], 4) == NULL)
        word.n++;
    l->at += word.n;
    skip_space(l);
    return word;
}

static void take_equals(struct line *l) {
    struct slice rest = rest_of(l);
    if (rest.n == 0 || rest.at[0] != '=') {
        l->wrong = "a = belongs here";
        return;
    }
    l->at++;
    skip_space(l);
}

static bool is_variable(struct slice name) {
    for (size_t i = 0; i < name.n; i++)
        if (memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789", name.at[i],
                   i == 0 ? 53 : 63)
            == NULL)
            return false;
    return name.n > 0 && name.n <= LIMIT_HOOK_VARIABLE;
}

static void take_path(struct hook_rules *r, struct line *l, struct hook_rule *rule) {
    const char *start = l->at;
    struct slice path = take_word(l);
    if (path.n < LIMIT_HOOK_PATH && json_path_is_valid(path)) {
        char *kept = r->paths + r->used;
        memcpy(kept, path.at, path.n);
        kept[path.n] = '\0';
        r->used += path.n + 1;
        rule->path = kept;
        return;
    }
    l->at = start;
    l->wrong = "a value's path belongs here, such as .ref or .commits.0.id, of at most " LIMIT_TEXT(
        LIMIT_HOOK_PATH) " bytes";
}

static void take_expression(struct line *l, struct hook_rule *rule) {
    struct ere e;
    rule->expression = slice_trim_end(rest_of(l), white_space);
    if (rule->expression.n == 0) {
        l->wrong = "an expression belongs here";
        return;
    }
    for (size_t i = 0; i < rule->expression.n; i++)
        if ((unsigned char)rule->expression.at[i] < 0x20 || rule->expression.at[i] == 0x7f) {
            l->at += i;
            l->wrong = "a control character";
            return;
        }
    switch (compile(&e, rule->expression, &l->fault)) {
    case ERE_GOOD: break;
    case ERE_FAULT: l->wrong = l->fault.text; break;
    case ERE_FULL: l->wrong = "the expression is too large"; break;
    }
}

static void read_when(struct hook_rules *r, struct line *l, struct hook_rule *rule) {
    const char *start = l->at;
    if (slice_is(take_word(l), "event")) {
        take_equals(l);
    } else {
        l->at = start;
        take_path(r, l, rule);
        if (l->wrong != NULL)
            l->wrong = "`event` or a value's path belongs here, such as .ref or .commits.0.id";
        else
            take_equals(l);
    }
    if (l->wrong == NULL)
        take_expression(l, rule);
}

static void read_pass(struct hook_rules *r, struct line *l, struct hook_rule *rule) {
    const char *start = l->at;
    rule->variable = take_word(l);
    bool is_again = false;
    for (size_t i = 0; i < r->count; i++)
        is_again = is_again
                   || (r->rule[i].variable.n == rule->variable.n && rule->variable.n > 0
                       && memcmp(r->rule[i].variable.at, rule->variable.at, rule->variable.n) == 0);
    if (!is_variable(rule->variable) || is_again) {
        l->at = start;
        l->wrong = is_again ? "a variable that an earlier line has"
                            : "a variable's name belongs here: letters, digits, _, "
                              "at most " LIMIT_TEXT(LIMIT_HOOK_VARIABLE) " of them";
        return;
    }
    take_equals(l);
    if (l->wrong == NULL)
        take_path(r, l, rule);
    if (l->wrong == NULL)
        take_expression(l, rule);
}

/* ---- a setting ---- */

static size_t count_characters(const char *from, const char *to) {
    size_t n = 0;
    for (; from < to; from++)
        n += ((unsigned char)*from & 0xc0) != 0x80;
    return n;
}

static const char *describe(const struct line *l, size_t number, char error[HOOK_RULES_ERROR]) {
    struct buf b = {.at = error, .cap = HOOK_RULES_ERROR};
    size_t before = count_characters(l->whole.at, l->at);
    buf_format(&b, "line %zu, ", number);
    if (l->wrong == l->fault.text)
        matcher_describe(&b, &l->fault, before);
    else
        buf_format(&b, "column %zu: %s", before + 1, l->wrong);
    return buf_string(&b);
}

static const char *read_setting(struct hook_rules *r, const char *text, bool is_pass,
                                char error[HOOK_RULES_ERROR]) {
    struct slice rest = {text, text != NULL ? strlen(text) : 0};
    const size_t room = r->count + LIMIT_HOOK_LINES;
    for (size_t number = 1; rest.n > 0; number++) {
        struct hook_rule rule = {.path = NULL};
        struct line l = {.whole = slice_take_line(&rest)};
        l.at = l.whole.at;
        skip_space(&l);
        if (rest_of(&l).n == 0 || *l.at == '#')
            continue;
        if (r->count == room)
            l.wrong = "one line more than the " LIMIT_TEXT(LIMIT_HOOK_LINES) " there is room for";
        else if (!utf8_is_valid(l.at, rest_of(&l).n))
            l.wrong = "not UTF-8";
        else if (is_pass)
            read_pass(r, &l, &rule);
        else
            read_when(r, &l, &rule);
        if (l.wrong != NULL)
            return describe(&l, number, error);
        r->rule[r->count++] = rule;
    }
    return NULL;
}

const char *hook_rules_read(struct hook_rules *r, const char *when, const char *pass,
                            char error[HOOK_RULES_ERROR]) {
    r->count = r->used = 0;
    const char *wrong = read_setting(r, when, false, error);
    return wrong != NULL ? wrong : read_setting(r, pass, true, error);
}
