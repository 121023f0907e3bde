#include "tool/check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/drop.h"
#include "base/log.h"
#include "tls/certificate.h"
#include "core/protect.h"
#include "core/runas.h"
#include "core/tokens.h"
#include "tool/check_parts.h"
#include "tool/explain.h"
#include "tool/proc_status.h"
#include "tool/report.h"
#include "wire/quote.h"

extern char **environ;

/* In this order: what has to be looked at as the account comes last, since the process can't become
 * root again. */
static const struct {
    void (*look)(const struct subject *x);
    bool as_account;
} parts[] = {
    {check_settings, false},    {check_values, false}, {check_names, false},
    {check_host, false},        {check_trust, false},  {check_account, false},
    {check_directories, false}, {check_keys, false},   {check_tokens, false},
    {check_tls, false},         {check_rules, true},   {check_command, true},
};

/* ---- what is looked at ---- */

static bool unusable[SETTING_COUNT + 1]; /* whose value has been reported as unusable */

/* Reports an error of the settings; with it how the value looks, where that is odd, since that is
 * mostly the reason. */
static void take_error(void *context, const struct settings *s, enum setting id) {
    char line[sizeof s->error + 256];
    const char *text = id < SETTING_COUNT ? settings_text(s, id) : NULL,
               *odd = text != NULL ? check_oddity(text, strlen(text)) : NULL;
    bool closed = strstr(s->error, strerror(EACCES)) != NULL && geteuid() != 0;
    snprintf(line, sizeof line, "%s%s%s%s", s->error, odd != NULL ? ": " : "",
             odd != NULL ? odd : "",
             closed ? "; bastion as this account can't read it, as root perhaps" : "");
    report_error_line(line);
    bool *is_unusable = context;
    is_unusable[id] = true;
}

/* Whether there is a source of keys, good or not. authorized_keys_read names the lack of any key as
 * one line. */
static bool has_key_source(const struct authorized_keys *k) {
    static const char none[] = "AUTHORIZED_KEYS_DIR, _HOST, _REPO: ";
    return k->count > 0 || (k->errors.len > 0 && strncmp(k->errors.at, none, sizeof none - 1) != 0);
}

static bool any_given(const struct settings *s, const enum setting *ids, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (settings_given(s, ids[i]) || unusable[ids[i]])
            return true;
    return false;
}

static const char *why_no_new_privs(const struct settings *s) {
    struct proc_status status;
    if (proc_status_read(&status) && proc_status_number(&status, "NoNewPrivs", 10) == 1)
        return "as bastion has itself (docker's --security-opt no-new-privileges, systemd's "
               "NoNewPrivileges=yes)";
    if (runas_no_new_privs(s))
        return settings_given(s, SETTING_NO_NEW_PRIVS) ? "NO_NEW_PRIVS=on"
                                                       : "NO_NEW_PRIVS is on by default here";
    return protect_closes() ? "Landlock, which closes files to them, takes it" : NULL;
}

/* Finds out what is configured, and who runs commands. */
static void find_subject(struct subject *x) {
    static const enum setting http[] = {SETTING_HTTP_BASIC_AUTH, SETTING_HTTP_TOKEN},
                              tls[] = {SETTING_TLS_CERT, SETTING_TLS_KEY, SETTING_TLS,
                                       SETTING_TLS_CLIENT_CA},
                              ssh[] = {SETTING_AUTHORIZED_KEYS_DIR, SETTING_AUTHORIZED_KEYS_HOST,
                                       SETTING_AUTHORIZED_KEYS_REPO};
    gid_t group;
    authorized_keys_read(x->keys, x->settings);
    x->http = any_given(x->settings, http, 2)
              || tokens_any(settings_text(x->settings, SETTING_TOKENS_DIR));
    x->tls = any_given(x->settings, tls, 4);
    x->ssh = (has_key_source(x->keys) || any_given(x->settings, ssh, 3))
             && settings_number(x->settings, SETTING_SSH_PORT) != 0;
    if (x->root)
        x->has_account =
            account_find(&x->account, settings_text(x->settings, SETTING_SSH_USER)) == 0;
    else
        account_self(&x->account);
    if (x->has_account && runas_docker_group(&group, x->settings, x->files ? NULL : environ))
        account_add_group(&x->account, group);
    x->no_new_privs = why_no_new_privs(x->settings);
}

/* The rules are read, and programs are looked for, as for a request: by the account. */
static void become_account(struct account *account) {
    if (geteuid() != 0 || account->name[0] == '\0' || account->uid == 0)
        return;
    if (drop_to(account) == -1) {
        report_error("SSH_USER", "cannot become %s: %s", account->name, strerror(errno));
        exit(report_verdict());
    }
}

static int check_subject(struct subject *x) {
    bool became = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].as_account && !became && x->has_account)
            become_account(&x->account);
        became = became || parts[i].as_account;
        parts[i].look(x);
    }
    return report_verdict();
}

/* ---- a request ---- */

/* Prints a word that is executed: all of it, since quoted it has four times as many bytes at
 * most. */
static void print_word(const char *text) {
    static char line[4 * LIMIT_VALUE + 64];
    struct buf b = BUF_ON(line);
    quote_text(&b, text, strlen(text), sizeof line - 8);
    printf("%.*s\n", (int)b.len, b.at);
}

/* Prints where the rules that come nearest to the request end. */
static void print_nearest(const struct rules *r, struct slice request) {
    enum { SHOWN = 200 };
    struct explain found[EXPLAIN_MOST];
    size_t n = explain_request(r, request, found);
    for (size_t i = 0; i < n; i++) {
        const struct rule *rule = &r->rule[found[i].rule];
        size_t next = found[i].bytes, end = next + 1;
        char line[1024];
        struct buf b = BUF_ON(line);
        while (end < request.n && ((unsigned char)request.at[end] & 0xc0) == 0x80)
            end++;
        printf("near: rule %s:%zu: %s\n", rule->source, rule->line, rule->text);
        if (found[i].ended)
            buf_format(&b, "it reads all of the request and wants more behind it");
        else
            buf_format(&b, "column %zu: it ends at ", found[i].characters + 1),
                quote_text(&b, request.at + next, end - next, SHOWN);
        if (!found[i].ended && next > 0)
            buf_format(&b, ", behind "), quote_text(&b, request.at, next, SHOWN);
        printf("  %.*s\n", (int)b.len, b.at);
    }
    if (n == 0)
        puts("near: none: no rule begins as the request does");
}

static int check_request(struct policy *p, const char *request, bool explain) {
    static struct decision d;
    if (p->mode == POLICY_BROKER)
        policy_read_rules(p);
    policy_decide(p, (struct slice){request, strlen(request)}, &d);
    report_plain_lines(stdout, "warning: ", &p->rules.errors, "");
    report_plain_lines(stdout, "warning: ", &d.verdict.errors, "");
    if (!d.allow) {
        printf("deny: %s\n", d.reason);
        if (explain && p->mode == POLICY_BROKER
            && policy_malformed((struct slice){request, strlen(request)}) == NULL)
            print_nearest(&p->rules, (struct slice){request, strlen(request)});
        return 126;
    }
    printf("allow: rule %s", d.rule);
    if (p->mode == POLICY_BROKER)
        printf(": %s", p->rules.rule[d.verdict.match].text);
    puts("");
    if (p->mode == POLICY_FORCE)
        puts(
            "The request does not count: FORCE_COMMAND is set. What is executed, one word a line:");
    for (size_t i = 0; d.argv[i] != NULL; i++)
        print_word(d.argv[i]);
    return 0;
}

/* ---- for bastion init ---- */

/* What keeps `bastion init` from serving: a rule of ALLOWED_COMMANDS that does not compile. The
 * rules of the list file may be edited at any time, so those are named at every request instead. */
static int check_start(struct policy *p) {
    static const char variable[] = "ALLOWED_COMMANDS:";
    static struct rules_verdict v;
    if (p->mode != POLICY_BROKER)
        return 0;
    policy_read_rules(p);
    rules_match(&p->rules, (struct slice){NULL, 0}, &v);
    unsigned n = report_plain_lines(stderr, "bastion check: ", &p->rules.errors, variable);
    n += report_plain_lines(stderr, "bastion check: ", &v.errors, variable);
    return n > 0 ? 78 : 0;
}

/* What also keeps it from serving: a certificate that can't be used. A self-signed one is made
 * later in its start; and an expired one does not stop it, since some clients take that. */
static int check_start_tls(const struct settings *s) {
    static struct certificate c;
    bool http = settings_given(s, SETTING_HTTP_BASIC_AUTH) || settings_given(s, SETTING_HTTP_TOKEN);
    struct certificate_paths paths;
    const char *error;
    char line[2 * LIMIT_PATH];
    if (!settings_given(s, SETTING_TLS_CERT) || !http || settings_number(s, SETTING_HTTPS_PORT) == 0
        || !certificate_paths(&paths, s))
        return 0;
    error = certificate_read(&c, paths.chain, paths.key);
    certificate_wipe(&c);
    if (error == NULL)
        return 0;
    snprintf(line, sizeof line, "TLS_CERT, TLS_KEY: %s", error);
    return log_no_start("check", line);
}

int check_main(int argc, char **argv) {
    static struct settings s;
    static struct policy policy;
    static struct authorized_keys keys;
    static struct subject x;
    static char *nothing[] = {NULL};
    char error[LIMIT_ERROR];
    bool files = argc > 1 && strcmp(argv[1], "--files") == 0;
    bool brief = argc > 1 + files && strcmp(argv[1 + files], "--brief") == 0;
    bool explain = !brief && argc > 1 + files && strcmp(argv[1 + files], "--explain") == 0;
    /* a request may start with them, too */
    bool dashes = argc > 1 + files + explain && strcmp(argv[1 + files + explain], "--") == 0;
    int words = argc - 1 - files - brief - explain - dashes;
    if (words > 1 || (words == 1 && brief) || (words != 1 && explain)
        || (words == 1 && !dashes && strncmp(argv[argc - 1], "--", 2) == 0)) {
        fputs("usage: bastion check [--files] [--brief | [--explain] [--] REQUEST]\n", stderr);
        return 64;
    }
    struct settings_places places = {files ? nothing : environ,
                                     files ? settings_directories_of_guests : settings_directories};
    x = (struct subject){.settings = &s,
                         .policy = &policy,
                         .keys = &keys,
                         .unusable = unusable,
                         .files = files,
                         .root = geteuid() == 0,
                         .container = container_is_ours()};
    if (!brief)
        settings_read_each(&s, &places, NEED_ALL, take_error, unusable);
    if (brief && settings_read(&s, &places, NEED_ALL) == -1)
        return log_no_start("check", s.error);
    if (policy_load(&policy, &s, error) == -1 && (brief || words == 1)) {
        if (brief)
            return log_no_start("check", error);
        report_error_line(error);
        return report_code();
    }
    if (brief) {
        int start = check_start(&policy);
        return start != 0 ? start : check_start_tls(&s);
    }
    find_subject(&x);
    int code = report_code();
    if (words == 1 && code == 0) {
        if (x.has_account)
            become_account(&x.account);
        code = check_request(&policy, argv[argc - 1], explain);
    } else if (words == 0) {
        if (policy.mode == POLICY_NONE && !unusable[SETTING_FORCE_COMMAND]
            && !unusable[SETTING_ALLOWED_COMMANDS])
            report_error_line(error);
        code = check_subject(&x);
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? code : 71;
}
