#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tool/advice.h"
#include "tool/check_parts.h"
#include "tool/report.h"

static void report_lines(const struct buf *lines) {
    for (const char *at = lines->at; at < lines->at + lines->len; at += strcspn(at, "\n") + 1) {
        char line[LIMIT_PATH + 512];
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        report_fault_line(line);
    }
}

/* The first word, where the rule says it letter by letter: without a prefix it is a program. */
static void check_first_word(const struct rule *r, bool files) {
    char word[256];
    size_t n = strcspn(r->text, " \\^$.[](){}*+?|");
    if (n == 0 || n >= sizeof word || (r->text[n] != ' ' && r->text[n] != '\0') || strchr(r->text, '|') != NULL)
        return;
    snprintf(word, sizeof word, "%.*s", (int)n, r->text);
    const char *fault = check_program(word, files);
    if (fault != NULL)
        report_remark("its program can't be started: %s", fault);
}

/* Which rule hides that one, or -1. Each is tried against all before it, which is work for minutes with thousands of them: after
 * LIMIT_CHECK_ORDER_MS the rest is left out. */
static int hidden_by(const struct policy *p, size_t i) {
    static int64_t deadline;
    static bool over;
    if (deadline == 0)
        deadline = clock_after(clock_now(), LIMIT_CHECK_ORDER_MS);
    if (!over && clock_now() >= deadline) {
        over = true;
        report_unseen("rules", "whether those from here on are ever used, or all is matched by others before them: they are too many");
    }
    return over ? -1 : advice_on_order(&p->rules, i);
}

/* What may not be meant, below the rule. Returns whether there was something. */
static bool remark(const struct subject *x, size_t i) {
    const struct policy *p = x->policy;
    const struct rule *r = &p->rules.rule[i];
    bool logs_all = settings_number(x->settings, AUDIT_REQUEST) == REQUEST_FULL && !settings_given(x->settings, AUDIT_MASK);
    const char *on_log = logs_all ? advice_on_log(r->text) : NULL;
    const char *texts[ADVICE_MAX];
    size_t n = advice_on(r->text, texts);
    for (size_t k = 0; k < n; k++)
        report_remark("%s", texts[k]);
    if (on_log != NULL)
        report_remark("%s", on_log);
    int other = hidden_by(p, i);
    if (other != -1)
        report_remark("is never used: %s:%zu matches before it", p->rules.rule[other].source, p->rules.rule[other].line);
    if (p->prefix == NULL)
        check_first_word(r, x->files);
    return n > 0 || on_log != NULL || other != -1;
}

/* Every rule with its place, and below it what may not be meant. */
void check_rules(const struct subject *x) {
    static struct rules_verdict v;
    struct policy *p = x->policy;
    size_t remarked = 0;
    if (p->mode != POLICY_BROKER)
        return;
    policy_read_rules(p);
    for (size_t i = 0; i < p->rules.count; i++) {
        fflush(stdout);
        printf("rule %s:%zu: %s\n", p->rules.rule[i].source, p->rules.rule[i].line, p->rules.rule[i].text);
        remarked += remark(x, i);
    }
    if (remarked > 0)
        report_line("rules: %zu, of which %zu may not mean what they say", p->rules.count, remarked);
    report_lines(&p->rules.faults);
    if (p->rules.count == 0)
        report_fault("ALLOWED_COMMANDS", "there are no rules, so that no request is allowed");
    rules_match(&p->rules, (struct slice){NULL, 0}, &v);
    report_lines(&v.faults);
}
