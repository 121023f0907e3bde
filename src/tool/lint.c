#include "tool/lint.h"

#include <string.h>

#include "base/pages.h"
#include "core/matcher.h"
#include "core/policy.h"
#include "tool/lint_letter.h"
#include "wire/quote.h"

static struct memory {
    const struct rules *rules;
    struct ere rule[LIMIT_RULES];
    bool good[LIMIT_RULES], large[LIMIT_RULES]; /* large: there is no room for it */
    struct lint_request shortest;
    uint64_t work_all;
    _Alignas(16) char memory[LIMIT_LINT_RULES_MEMORY];
    _Alignas(16) char other[ERE_MEMORY];
} * l; /* taken when it is needed: of all programs only bastion check does */

bool lint_start(const struct rules *r) {
    size_t used = 0;
    struct ere_fault error;
    if (l == NULL && (l = pages_take(sizeof *l)) == NULL)
        return false;
    l->rules = r;
    l->work_all = LIMIT_LINT_WORK_ALL;
    for (size_t i = 0; i < r->count; i++) {
        struct slice text = {r->rule[i].text, strlen(r->rule[i].text)};
        enum ere_result result = ere_compile(&l->rule[i], text, false, l->memory + used,
                                             sizeof l->memory - used, matcher_work(), &error);
        l->good[i] = result == ERE_GOOD;
        l->large[i] = result == ERE_FULL;
        used += l->good[i] ? (l->rule[i].used + 15) / 16 * 16 : 0;
    }
    return true;
}

/* ---- what is asked ---- */

static bool rule_matches(size_t i, const struct lint_request *r) {
    struct slice text = {r->text, r->n};
    return l->good[i] && policy_malformed(text) == NULL
           && ere_match(&l->rule[i], text, matcher_run());
}

/* No example is shown that the matcher does not take. */
static enum lint_answer ask_search(enum lint_question question, size_t i,
                                   const struct ere *const *side, size_t sides, bool first_counts,
                                   uint64_t *work, struct lint_request *example) {
    enum lint_answer answer = lint_search(question, side, sides, first_counts, work, example);
    bool shown = answer == LINT_YES && question != LINT_ASK_FREE;
    return shown && !rule_matches(i, example) ? LINT_OPEN : answer;
}

static void add_finding(struct lint_finding *found, size_t *n, enum lint_kind kind,
                        enum lint_answer answer) {
    if (answer == LINT_NO)
        return;
    found[*n].kind = kind;
    found[*n].open = answer == LINT_OPEN;
    (*n)++;
}

/* Whether other rules match whatever rule i matches: is there a request that none of those does
 * which are known to match some of it? If so, whoever else matches that one is known from then
 * on. */
static enum lint_answer ask_cover(size_t i, uint64_t *work, struct lint_finding *f) {
    const struct ere *side[LINT_SIDES] = {&l->rule[i]};
    f->by_n = 0;
    f->example = l->shortest;
    for (struct lint_request *example = &f->example;;) {
        size_t j = 0;
        while (j < i && !rule_matches(j, example))
            j++;
        if (j == i)
            return LINT_NO;
        if (f->by_n == LINT_SIDES - 1)
            return LINT_OPEN;
        f->by[f->by_n++] = j;
        side[f->by_n] = &l->rule[j];
        enum lint_answer other =
            ask_search(LINT_ASK_ANY, i, side, f->by_n + 1, false, work, example);
        if (other != LINT_YES)
            return other == LINT_NO ? LINT_YES : LINT_OPEN;
    }
}

static void find_cover(size_t i, uint64_t *work, struct lint_finding *found, size_t *n) {
    static struct lint_request other;
    enum lint_answer covered = ask_cover(i, work, &found[*n]);
    enum lint_kind kind = LINT_COVERED;
    if (covered == LINT_YES && found[*n].by_n == 1) {
        size_t j = found[*n].by[0];
        const struct ere *side[] = {&l->rule[j], &l->rule[i]};
        kind = ask_search(LINT_ASK_ANY, j, side, 2, false, work, &other) == LINT_NO ? LINT_SAME
                                                                                    : LINT_COVERED;
    }
    if (covered == LINT_YES)
        found[*n].example = l->shortest;
    add_finding(found, n, kind, covered);
}

/* ---- dots ---- */

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The end of a bracket expression: a ] that comes first is one of its characters. */
static size_t skip_class(const char *text, size_t at) {
    at += text[at + 1] == '^' ? 2 : 1;
    at += text[at] == ']';
    for (; text[at] != '\0' && text[at] != ']'; at++)
        if (text[at] == '[' && text[at + 1] == ':')
            for (at += 2; text[at] != '\0' && !(text[at] == ':' && text[at + 1] == ']');)
                at++;
    return text[at] == '\0' ? at : at + 1;
}

/* The next dot from *at on that is not repeated and stands beside a letter or digit, or behind a
 * class; *at is behind it then. */
static bool find_dot(const char *text, size_t *at, size_t *dot) {
    bool beside = false; /* what is right before */
    while (text[*at] != '\0') {
        size_t from = *at;
        char next;
        if (text[from] == '[') {
            *at = skip_class(text, from);
            beside = true;
            continue;
        }
        if (text[from] == '\\' && text[from + 1] != '\0') {
            *at = from + 2;
            beside = false;
            continue;
        }
        next = text[++*at];
        if (text[from] == '.' && (next == '\0' || strchr("*+?{", next) == NULL)
            && (beside || is_alnum(next))) {
            *dot = from;
            return true;
        }
        beside = is_alnum(text[from]) || (beside && (text[from] == '+' || text[from] == '*'));
    }
    return false;
}

/* The rule with \. in the place of a dot says the same, or matches less: the dot matches more than
 * itself. */
static enum lint_answer ask_dot(size_t i, uint64_t *work, struct lint_request *example) {
    static char escaped[LIMIT_VALUE + 2];
    const char *text = l->rules->rule[i].text;
    size_t n = strlen(text), at = 0, dot;
    struct ere_fault error;
    struct ere other;
    enum lint_answer answer = LINT_NO;
    while (n < LIMIT_VALUE && answer == LINT_NO && find_dot(text, &at, &dot)) {
        memcpy(escaped, text, dot);
        escaped[dot] = '\\';
        memcpy(escaped + dot + 1, text + dot, n - dot);
        const struct ere *side[] = {&l->rule[i], &other};
        bool good = ere_compile(&other, (struct slice){escaped, n + 1}, false, l->other,
                                sizeof l->other, matcher_work(), &error)
                    == ERE_GOOD;
        answer = good ? ask_search(LINT_ASK_OTHER, i, side, 2, false, work, example) : LINT_OPEN;
    }
    return answer;
}

/* ---- control characters ---- */

static enum lint_answer ask_control(size_t i) {
    const struct ere *e = &l->rule[i];
    for (uint32_t node = 0; node < e->nodes; node++)
        for (uint32_t k = 0; k < e->node[node].block->n; k++)
            if (lint_letter_is_control(e, e->node[node].block->letter[k]))
                return LINT_YES;
    return LINT_NO;
}

/* ---- a rule ---- */

size_t lint_rule(size_t i, bool prefixed, bool logged, struct lint_finding found[LINT_KINDS]) {
    static const struct {
        enum lint_kind kind;
        enum lint_question question;
    } asked[] = {
        {LINT_SPACE, LINT_ASK_SPACE}, {LINT_EMPTY, LINT_ASK_EMPTY}, {LINT_OPTION, LINT_ASK_OPTION}};
    const struct ere *side[] = {&l->rule[i], &l->rule[i]};
    uint64_t work = l->work_all < LIMIT_LINT_WORK ? l->work_all : LIMIT_LINT_WORK, had = work;
    size_t n = 0;
    if (!l->good[i] && !l->large[i])
        return 0;
    enum lint_answer some =
        l->large[i] ? LINT_OPEN : ask_search(LINT_ASK_ANY, i, side, 1, false, &work, &l->shortest);
    if (some != LINT_YES) {
        add_finding(found, &n, LINT_NOTHING, some == LINT_NO ? LINT_YES : LINT_OPEN);
        l->work_all -= had - work;
        return n;
    }
    find_cover(i, &work, found, &n);
    for (size_t k = 0; k < sizeof asked / sizeof *asked; k++)
        add_finding(found, &n, asked[k].kind,
                    ask_search(asked[k].question, i, side, asked[k].kind == LINT_EMPTY ? 2 : 1,
                               prefixed, &work, &found[n].example));
    add_finding(found, &n, LINT_DOT, ask_dot(i, &work, &found[n].example));
    add_finding(found, &n, LINT_CONTROL, ask_control(i));
    if (logged)
        add_finding(found, &n, LINT_LOGGED,
                    ask_search(LINT_ASK_FREE, i, side, 1, false, &work, &found[n].example));
    l->work_all -= had - work;
    return n;
}

/* ---- for people ---- */

/* %: the example. */
static const char *const texts[LINT_KINDS] = {
    [LINT_NOTHING] = "matches nothing: there is no request that is all of it",
    [LINT_SAME] = "is never used: @ says the same",
    [LINT_COVERED] = "is never used: @ before it, as with %",
    [LINT_SPACE] = "lets one word become two, %: a . or a class there is a space, too; [^ ] ends "
                   "with the word",
    [LINT_EMPTY] =
        "has a word that may be empty, %; with + in the place of * it has at least one character",
    [LINT_OPTION] = "lets a word start with -, %, which the program may take for an option; [^ "
                    "-][^ ]* does not",
    [LINT_DOT] = "has a . that stands for any character, %; \\. is the dot of a name",
    [LINT_CONTROL] = "has a class of control characters, which no request has: of [:space:] and "
                     "[:blank:] the space is left",
    [LINT_LOGGED] = "ends with a word that may be anything, and requests are logged in full: if it "
                    "can be a password, AUDIT_REQUEST=masked or "
                    "AUDIT_MASK keeps it out of the log",
};

static const char *const open_texts[LINT_KINDS] = {
    [LINT_NOTHING] = "what may not be meant",
    [LINT_SAME] = "whether rules before it match all of it",
    [LINT_COVERED] = "whether rules before it match all of it",
    [LINT_SPACE] = "whether one word can become two",
    [LINT_EMPTY] = "whether a word may be empty",
    [LINT_OPTION] = "whether a word may start with -",
    [LINT_DOT] = "whether a . stands for more than itself",
    [LINT_CONTROL] = "whether it has control characters",
    [LINT_LOGGED] = "whether it ends with a word that may be anything",
};

static void describe_rules(struct buf *b, const struct lint_finding *f) {
    for (size_t i = 0; i < f->by_n; i++) {
        const struct rule *r = &l->rules->rule[f->by[i]];
        buf_format(b, "%s%s:%zu",
                   i == 0            ? ""
                   : i + 1 < f->by_n ? ", "
                                     : " and ",
                   r->source, r->line);
    }
    if (f->kind == LINT_COVERED)
        buf_format(b, " %s", f->by_n == 1 ? "matches" : "together match");
}

void lint_describe(struct buf *b, const struct lint_finding *f) {
    enum { SHOWN = 200 };
    if (f->open) {
        buf_format(b, "not decided: %s; it has too many cases", open_texts[f->kind]);
        return;
    }
    for (const char *at = texts[f->kind]; *at != '\0'; at++) {
        if (*at == '@')
            describe_rules(b, f);
        else if (*at == '%')
            quote_text(b, f->example.text, f->example.n, SHOWN);
        else
            buf_char(b, *at);
    }
}
