#include <stdio.h>
#include <string.h>

#include "tool/check_parts.h"
#include "tool/lint.h"
#include "tool/report.h"

/* The first word, where the rule says it letter by letter: without a prefix it is a program. */
static void check_first_word(const struct rule *r, bool files) {
    char word[256], text[CHECK_PROGRAM_ERROR];
    size_t n = strcspn(r->text, " \\^$.[](){}*+?|");
    if (n == 0 || n >= sizeof word || (r->text[n] != ' ' && r->text[n] != '\0')
        || strchr(r->text, '|') != NULL)
        return;
    snprintf(word, sizeof word, "%.*s", (int)n, r->text);
    const char *error = check_program(text, word, files);
    if (error != NULL)
        report_remark("its program can't be started: %s", error);
}

/* What may not be meant, below the rule. Returns whether there was something. */
static bool report_remarks(const struct subject *x, size_t i) {
    static struct lint_finding found[LINT_KINDS];
    const struct policy *p = x->policy;
    bool logs_all = settings_number(x->settings, SETTING_AUDIT_REQUEST) == AUDIT_REQUEST_FULL
                    && !settings_given(x->settings, SETTING_AUDIT_MASK);
    size_t n = lint_rule(i, p->prefix != NULL, logs_all, found), proved = 0;
    for (size_t k = 0; k < n; k++) {
        char line[LIMIT_PATH];
        struct buf b = BUF_ON(line);
        lint_describe(&b, &found[k]);
        report_remark("%.*s", (int)b.len, b.at);
        proved += !found[k].open;
    }
    if (p->prefix == NULL)
        check_first_word(&p->rules.rule[i], x->files);
    return proved > 0;
}

/* Every rule with its place, and below it what may not be meant. */
void check_rules(const struct subject *x) {
    static struct rules_verdict v;
    struct policy *p = x->policy;
    size_t remarked = 0;
    if (p->mode != POLICY_BROKER)
        return;
    policy_read_rules(p);
    bool has_room = lint_start(&p->rules);
    if (!has_room)
        report_unseen("ALLOWED_COMMANDS",
                      "what the rules may not mean: there is too little memory");
    for (size_t i = 0; i < p->rules.count; i++) {
        fflush(stdout);
        printf("rule %s:%zu: %s\n", p->rules.rule[i].source, p->rules.rule[i].line,
               p->rules.rule[i].text);
        remarked += has_room && report_remarks(x, i);
    }
    if (remarked > 0)
        report_line("rules: %zu, of which %zu may not mean what they say", p->rules.count,
                    remarked);
    report_error_lines(&p->rules.errors);
    if (p->rules.count == 0)
        report_error("ALLOWED_COMMANDS", "there are no rules, so that no request is allowed");
    rules_match(&p->rules, (struct slice){NULL, 0}, &v);
    report_error_lines(&v.errors);
}
