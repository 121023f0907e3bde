#include "core/policy.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/listed.h"
#include "wire/utf8.h"

int policy_load(struct policy *p, const struct settings *s, char error[LIMIT_ERROR]) {
    char from[SETTINGS_SOURCE];
    struct stat st;
    p->mode = POLICY_NONE;
    p->command = settings_text(s, SETTING_FORCE_COMMAND);
    p->allowed = settings_text(s, SETTING_ALLOWED_COMMANDS);
    p->prefix = settings_text(s, SETTING_COMMAND_PREFIX);
    p->list = s->list != NULL ? s->list : POLICY_LIST;
    if (p->allowed != NULL || (!listed_lacks(p->list) && lstat(p->list, &st) == 0))
        p->mode = POLICY_BROKER;
    else if (p->command != NULL)
        p->mode = POLICY_FORCE;
    if (p->mode == POLICY_FORCE && p->prefix != NULL) {
        snprintf(
            error, LIMIT_ERROR,
            "COMMAND_PREFIX: belongs to an allowlist, and FORCE_COMMAND is set without one (%s)",
            settings_source(s, SETTING_COMMAND_PREFIX, from));
        p->mode = POLICY_NONE;
        return -1;
    }
    if (p->mode != POLICY_NONE)
        return 0;
    snprintf(error, LIMIT_ERROR,
             "FORCE_COMMAND: not set, nor is ALLOWED_COMMANDS, and there is no %s: nothing to run",
             p->list);
    return -1;
}

const char *policy_ignores(const struct policy *p, char text[LIMIT_ERROR]) {
    if (p->mode != POLICY_BROKER || p->command == NULL)
        return NULL;
    snprintf(text, LIMIT_ERROR, "has no effect: %s%s, so that requests are matched against it",
             p->allowed != NULL ? "" : "there is ",
             p->allowed != NULL ? "ALLOWED_COMMANDS is set" : p->list);
    return text;
}

const char *policy_mode_name(const struct policy *p) {
    return p->mode == POLICY_FORCE ? "force" : p->mode == POLICY_BROKER ? "broker" : NULL;
}

void policy_read_rules(struct policy *p) {
    rules_start(&p->rules);
    if (p->allowed != NULL)
        rules_add(&p->rules, "ALLOWED_COMMANDS", (struct slice){p->allowed, strlen(p->allowed)},
                  false);
    rules_add_file(&p->rules, POLICY_LIST_NAME, p->list);
}

/* ---- broker mode ---- */

const char *policy_malformed(struct slice request) {
    if (request.at == NULL || request.n == 0)
        return "the request is empty";
    if (request.n > LIMIT_REQUEST)
        return "the request is longer than " LIMIT_TEXT(LIMIT_REQUEST) " bytes";
    size_t spaces = 0;
    for (size_t i = 0; i < request.n; i++) {
        if ((unsigned char)request.at[i] < 0x20 || request.at[i] == 0x7f)
            return "the request has a control character";
        spaces += request.at[i] == ' ';
    }
    if (spaces == request.n)
        return "the request has no words";
    return utf8_is_valid(request.at, request.n) ? NULL : "the request is not UTF-8";
}

/* Takes the words of a text apart at its spaces; several in a row are as good as one, so that no
 * word is empty. */
static bool add_words(struct decision *d, struct slice text) {
    for (size_t i = 0; i < text.n;) {
        size_t start = i;
        while (i < text.n && text.at[i] != ' ')
            i++;
        if (i > start && d->argc == LIMIT_WORDS)
            return false;
        if (i > start) {
            d->list[d->argc++] = d->words.at + d->words.len;
            buf_bytes(&d->words, text.at + start, i - start);
            buf_char(&d->words, '\0');
        }
        i++;
    }
    return !d->words.full;
}

static const char *split_request(const struct policy *p, struct slice request, struct decision *d) {
    struct slice prefix = {p->prefix, p->prefix != NULL ? strlen(p->prefix) : 0};
    d->words = BUF_ON(d->word_text);
    bool fits = add_words(d, prefix) && add_words(d, request);
    d->argc = fits ? d->argc : 0;
    d->list[d->argc] = NULL;
    d->argv = d->list;
    return fits ? NULL : "more words than there is room for";
}

static const char *ask_rules(const struct policy *p, struct slice request, struct decision *d) {
    rules_match(&p->rules, request, &d->verdict);
    if (d->verdict.match == -1)
        return "no rule allows it";
    const struct rule *rule = &p->rules.rule[d->verdict.match];
    snprintf(d->rule_text, sizeof d->rule_text, "%s:%zu", rule->source, rule->line);
    d->rule = d->rule_text;
    return NULL;
}

static void decide_request(const struct policy *p, struct slice request, struct decision *d) {
    d->text = request.at != NULL ? request.at : "";
    d->text_n = request.at != NULL ? request.n : 0;
    if ((d->reason = policy_malformed(request)) == NULL
        && (d->reason = ask_rules(p, request, d)) == NULL)
        d->reason = split_request(p, request, d);
    d->allow = d->reason == NULL;
}

/* ---- any mode ---- */

static void decide_force(const struct policy *p, struct decision *d) {
    const char *const argv[] = {"/bin/sh", "-c", p->command, NULL};
    memcpy(d->force, argv, sizeof argv);
    d->argc = sizeof argv / sizeof *argv - 1;
    d->allow = true;
    d->reason = NULL;
    d->text = p->command;
    d->text_n = strlen(p->command);
    d->rule = "force";
}

void policy_decide(const struct policy *p, struct slice request, struct decision *d) {
    /* One by one: most of it is storage, and what is never touched costs no memory. */
    d->allow = false;
    d->reason = "no mode is set";
    d->text = NULL;
    d->text_n = 0;
    d->rule = "";
    d->argc = 0;
    d->force[0] = NULL;
    d->argv = d->force;
    d->verdict.errors = BUF_ON(d->verdict.error_text);
    if (p->mode == POLICY_BROKER)
        decide_request(p, request, d);
    else if (p->mode == POLICY_FORCE)
        decide_force(p, d);
}

int policy_lock(const struct policy *p, const struct settings *s) {
    if (settings_given(s, SETTING_COMMAND_LOCK))
        return (int)settings_number(s, SETTING_COMMAND_LOCK);
    return p->mode == POLICY_FORCE ? LOCK_MODE_SKIP : LOCK_MODE_OFF;
}

bool policy_hangs_up(const struct settings *s, bool holds_lock) {
    if (settings_given(s, SETTING_ON_DISCONNECT))
        return settings_number(s, SETTING_ON_DISCONNECT) == DISCONNECT_HANGUP;
    return !holds_lock;
}
