#include "tool/check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/account.h"
#include "base/drop.h"
#include "core/certificate.h"
#include "core/hostkey.h"
#include "core/keys.h"
#include "core/policy.h"
#include "core/settings.h"
#include "tool/advice.h"
#include "wire/quote.h"

extern char **environ;

enum { SHOWN = 400 }; /* bytes of a value that are shown */

static void print_quoted(const char *text) {
    char line[SHOWN + 16];
    struct buf b = BUF_ON(line);
    quote_text(&b, text, strlen(text), SHOWN);
    printf("%.*s", (int)b.len, b.at);
}

/* A word that is executed: all of it, in four times as many bytes at most. */
static void print_word(const char *text) {
    static char line[4 * LIMIT_VALUE + 64];
    struct buf b = BUF_ON(line);
    quote_text(&b, text, strlen(text), sizeof line - 8);
    printf("%.*s\n", (int)b.len, b.at);
}

static void print_setting(const struct settings *s, enum setting id) {
    const char *text = settings_text(s, id);
    if (text == NULL)
        return;
    printf("%s = ", settings_name(id));
    if (settings_is_secret(id))
        fputs("(hidden)", stdout);
    else
        print_quoted(text);
    printf("  (%s)\n", settings_source(s, id));
}

static void warn(const char *setting, const char *text) { printf("warning: %s: %s\n", setting, text); }

static bool is_bastion(const char *shell) {
    const char *slash = strrchr(shell, '/');
    return slash != NULL && strcmp(slash, "/bastion") == 0;
}

/* What is valid and yet likely not meant. */
static void print_warnings(const struct settings *s) {
    struct account account;
    struct stat st;
    bool basic = settings_given(s, HTTP_BASIC_AUTH), token = settings_given(s, HTTP_TOKEN);
    for (enum setting id = 0; id < SETTINGS; id++)
        if (settings_is_secret(id) && s->value[id].exposed)
            warn(settings_name(id), "its file can be read by others than its owner");
    if (basic && token)
        warn("HTTP_TOKEN", "has no effect: HTTP_BASIC_AUTH wins");
    if (!basic && !token)
        warn("HTTP_BASIC_AUTH, HTTP_TOKEN", "neither is set: over HTTP nobody may run anything");
    if (token && !basic && strlen(settings_text(s, HTTP_TOKEN)) < 16)
        warn("HTTP_TOKEN", "shorter than 16 bytes: it can be guessed");
    if (settings_given(s, COMMAND_LOCK_WAIT) && !(settings_given(s, COMMAND_LOCK) && settings_number(s, COMMAND_LOCK) == LOCK_WAIT))
        warn("COMMAND_LOCK_WAIT", "has no effect: COMMAND_LOCK is not wait");
    if (geteuid() == 0 && account_find(&account, settings_text(s, SSH_USER)) == -1)
        warn("SSH_USER", "there is no such account here: http and cgi answer 500 when started as root");
    else if (geteuid() == 0 && stat(account.shell, &st) == 0 && is_bastion(account.shell) && (st.st_mode & S_IROTH) != 0)
        warn("SSH_USER", "its login shell can be read by it, so that a command may take over the next login's: chmod 711");
    const char *prefix = settings_text(s, COMMAND_PREFIX);
    if (prefix != NULL && strlen(prefix) > 3 && strcmp(prefix + strlen(prefix) - 3, " -c") == 0)
        warn("COMMAND_PREFIX", "ends with -c: a request's first word becomes a script");
    if (settings_given(s, FORCE_COMMAND) && lstat(POLICY_LIST, &st) == 0)
        warn(POLICY_LIST_NAME, "has no effect: FORCE_COMMAND is set");
    if (stat(settings_text(s, RUN_DIR), &st) == -1)
        warn("RUN_DIR", strerror(errno));
    else if (!S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
        warn("RUN_DIR", "must be a directory that root or this account owns and nobody else can write");
}

static void print_lines(const struct buf *lines) {
    for (const char *at = lines->at; at < lines->at + lines->len; at += strcspn(at, "\n") + 1)
        printf("warning: %.*s\n", (int)strcspn(at, "\n"), at);
}

/* The keys that can log in, what is unusable, and the host's own key as ssh-keygen(1) shows it. */
static void print_ssh(const struct settings *s) {
    static struct keys keys;
    struct openssh_key host;
    char line[OPENSSH_KEY_COMMENT + 128], fingerprint[KEYS_FINGERPRINT];
    struct buf b = BUF_ON(line);
    const char *fault;
    keys_read(&keys, s);
    for (size_t i = 0; i < keys.count; i++) {
        keys_fingerprint(fingerprint, keys.key[i].text);
        printf("key: 256 %s ", fingerprint);
        print_quoted(keys.key[i].identity);
        puts(keys.key[i].no_pty ? " no-pty" : "");
    }
    print_lines(&keys.faults);
    int found = hostkey_find(&host, settings_text(s, SSH_KEYS), NULL, &fault);
    if (found == 1) {
        hostkey_describe(&b, &host);
        printf("host key: %.*s\n", (int)b.len, b.at);
        explicit_bzero(&host, sizeof host);
    } else if (found == 0) {
        puts("host key: none yet; the first SSH connection makes one");
    } else {
        printf("warning: %s\n", fault);
    }
}

/* The rules are read as they are for a request: by the account. */
static void become_account(const struct settings *s) {
    struct account account;
    if (geteuid() != 0 || account_find(&account, settings_text(s, SSH_USER)) == -1 || account.uid == 0)
        return;
    if (drop_to(&account) == -1) {
        fprintf(stderr, "SSH_USER: cannot become that account: %s\n", strerror(errno));
        exit(71);
    }
}

/* The certificate, and what bastion tls would say of it. */
static void print_tls(const struct settings *s) {
    static struct certificate c;
    const char *chain, *key, *fault;
    int64_t now = time(NULL);
    if (!certificate_places(s, &chain, &key))
        return;
    if ((fault = certificate_read(&c, chain, key)) != NULL || (fault = certificate_age(&c, now)) != NULL)
        warn("TLS", fault);
    else
        printf("certificate: %s: good for another %lld days\n", chain, (long long)(c.not_after - now) / 86400);
    certificate_wipe(&c);
}

/* Every rule with its place, and below it what may not be meant. Returns whether all of them are good. */
static bool print_rules(struct policy *p, const struct settings *s) {
    static struct rules_verdict v;
    bool logs_all = settings_number(s, AUDIT_REQUEST) == REQUEST_FULL && !settings_given(s, AUDIT_MASK);
    if (p->mode != POLICY_BROKER)
        return true;
    policy_read_rules(p);
    for (size_t i = 0; i < p->rules.count; i++) {
        const struct rule *r = &p->rules.rule[i];
        const char *texts[ADVICE_MAX];
        size_t n = advice_on(r->text, texts);
        printf("rule %s:%zu: %s\n", r->source, r->line, r->text);
        for (size_t k = 0; k < n; k++)
            printf("  warning: %s\n", texts[k]);
        if (logs_all && advice_on_log(r->text) != NULL)
            printf("  warning: %s\n", advice_on_log(r->text));
        int hidden_by = advice_on_order(&p->rules, i);
        if (hidden_by != -1)
            printf("  warning: is never used: %s:%zu matches before it\n", p->rules.rule[hidden_by].source, p->rules.rule[hidden_by].line);
    }
    print_lines(&p->rules.faults);
    if (p->rules.count == 0)
        warn("ALLOWED_COMMANDS", "there are no rules, so that no request is allowed");
    if (rules_match(&p->rules, (struct slice){NULL, 0}, &v) == -1) {
        printf("warning: the rules can't be tried: %s\n", strerror(errno));
        return false;
    }
    print_lines(&v.faults);
    if (v.stuck != -1)
        printf("warning: %s:%zu: takes more time or memory than a rule may\n", p->rules.rule[v.stuck].source, p->rules.rule[v.stuck].line);
    return v.faults.len == 0 && v.stuck == -1;
}

static int check_request(struct policy *p, const char *request) {
    static struct decision d;
    if (p->mode == POLICY_BROKER)
        policy_read_rules(p);
    policy_decide(p, (struct slice){request, strlen(request)}, &d);
    print_lines(&p->rules.faults);
    print_lines(&d.verdict.faults);
    if (!d.allow) {
        printf("deny: %s\n", d.reason);
        return 126;
    }
    printf("allow: rule %s", d.rule);
    if (p->mode == POLICY_BROKER)
        printf(": %s", p->rules.rule[d.verdict.match].text);
    puts("");
    if (p->mode == POLICY_FORCE)
        puts("The request does not count: FORCE_COMMAND is set. What is executed, one word a line:");
    for (size_t i = 0; d.argv[i] != NULL; i++)
        print_word(d.argv[i]);
    return 0;
}

/* What keeps `bastion init` from serving: a rule of ALLOWED_COMMANDS that is none. One of the file may be edited at any time:
 * it is named at every request. */
static int check_start(struct policy *p) {
    static struct rules_verdict v;
    static const char variable[] = "ALLOWED_COMMANDS:";
    const struct rule *stuck;
    int code = 0;
    if (p->mode != POLICY_BROKER)
        return 0;
    policy_read_rules(p);
    if (rules_match(&p->rules, (struct slice){NULL, 0}, &v) == -1) {
        fprintf(stderr, "ALLOWED_COMMANDS: the rules can't be tried: %s\n", strerror(errno));
        return 71;
    }
    stuck = v.stuck != -1 ? &p->rules.rule[v.stuck] : NULL;
    if (stuck != NULL && strncmp(stuck->source, variable, strlen(stuck->source)) == 0) {
        fprintf(stderr, "%s:%zu: takes more time or memory than a rule may\n", stuck->source, stuck->line);
        code = 78;
    }
    const struct buf *faults[] = {&p->rules.faults, &v.faults};
    for (int i = 0; i < 2; i++)
        for (const char *at = faults[i]->at, *end = at + faults[i]->len; at < end; at += strcspn(at, "\n") + 1)
            if (strncmp(at, variable, sizeof variable - 1) == 0) {
                fprintf(stderr, "%.*s\n", (int)strcspn(at, "\n"), at);
                code = 78;
            }
    return code;
}

int check_main(int argc, char **argv) {
    static struct settings s;
    static char *nothing[] = {NULL};
    bool files = argc > 1 && strcmp(argv[1], "--files") == 0;
    bool brief = argc > 1 + files && strcmp(argv[1 + files], "--brief") == 0;
    bool dashes = argc > 1 + files && strcmp(argv[1 + files], "--") == 0; /* a request may start with them, too */
    int words = argc - 1 - files - brief - dashes;
    if (words > 1 || (words == 1 && brief) || (words == 1 && !dashes && strncmp(argv[argc - 1], "--", 2) == 0)) {
        fputs("usage: bastion check [--files] [--brief | [--] REQUEST]\n", stderr);
        return 64;
    }
    struct settings_places places = {files ? nothing : environ, settings_folders};
    static struct policy policy;
    const char *fault = s.fault;
    if (settings_read(&s, &places, NEED_ALL) == -1 || policy_load(&policy, &s, &fault) == -1) {
        fprintf(stderr, "%s\n", fault);
        return 78;
    }
    int code = 0;
    if (brief)
        return check_start(&policy);
    if (words == 1) {
        become_account(&s);
        code = check_request(&policy, argv[argc - 1]);
    } else {
        for (enum setting id = 0; id < SETTINGS; id++)
            print_setting(&s, id);
        print_ssh(&s);
        print_tls(&s);
        print_warnings(&s);
        become_account(&s);
        bool good = print_rules(&policy, &s);
        puts(good ? "The settings are valid." : "A rule is not valid.");
        code = good ? 0 : 78;
    }
    return fflush(stdout) == 0 ? code : 71;
}
