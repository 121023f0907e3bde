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
#include "base/printed.h"
#include "base/ucspi.h"
#include "tls/certificate.h"
#include "core/protect.h"
#include "core/runas.h"
#include "core/roles.h"
#include "tool/check_parts.h"
#include "tool/explain.h"
#include "tool/proc_status.h"
#include "tool/report.h"
#include "wire/quote.h"

extern char **environ;

/* In this order: what has to be looked at as the account comes last, since the process can't become
 * root again. Of a single role there is less to be said. */
static const struct {
    void (*look)(const struct subject *x);
    bool as_account, of_role;
} parts[] = {
    {check_settings, false, false},    {check_values, false, false}, {check_names, false, false},
    {check_host, false, false},        {check_trust, false, false},  {check_account, false, false},
    {check_directories, false, false}, {check_roles, false, true},   {check_keys, false, true},
    {check_tokens, false, true},       {check_hooks, false, true},   {check_tls, false, false},
    {check_rules, true, true},         {check_command, true, true},
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
    char error[RUNAS_TEXT];
    authorized_keys_read(x->keys, x->settings);
    x->http = any_given(x->settings, http, 2) || settings_serve_http(x->settings);
    x->tls = any_given(x->settings, tls, 4);
    x->ssh = (x->keys->any_source || any_given(x->settings, ssh, 3))
             && settings_number(x->settings, SETTING_SSH_PORT) != 0;
    /* One that is unfit, or missing, is reported where accounts are. */
    bool fit = runas_find(&x->account, x->settings, x->files ? NULL : environ, error) == 0;
    x->has_account =
        x->root && (fit || runas_look_up(&x->account, x->settings, error) != RUNAS_MISSING);
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
        if (x->role == NULL || parts[i].of_role)
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

int check_request(struct policy *p, const char *request, bool explain) {
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
    struct certificate_paths paths;
    const char *error;
    char line[2 * LIMIT_PATH];
    if (!settings_given(s, SETTING_TLS_CERT) || !settings_serve_http(s)
        || settings_number(s, SETTING_HTTPS_PORT) == 0 || !certificate_paths(&paths, s))
        return 0;
    error = certificate_read(&c, paths.chain, paths.key);
    certificate_wipe(&c);
    if (error == NULL)
        return 0;
    snprintf(line, sizeof line, "TLS_CERT, TLS_KEY: %s", error);
    return log_no_start("check", line);
}

/* ---- its arguments ---- */

struct options {
    bool files, brief, explain;
    const char *role, *as, *peer, *request; /* or NULL */
};

static bool read_options(struct options *o, int argc, char **argv) {
    char peer[LIMIT_PEER];
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char **value = strcmp(argv[i], "--role") == 0   ? &o->role
                             : strcmp(argv[i], "--as") == 0   ? &o->as
                             : strcmp(argv[i], "--peer") == 0 ? &o->peer
                                                              : NULL;
        bool *flag = strcmp(argv[i], "--files") == 0     ? &o->files
                     : strcmp(argv[i], "--brief") == 0   ? &o->brief
                     : strcmp(argv[i], "--explain") == 0 ? &o->explain
                                                         : NULL;
        if (flag != NULL)
            *flag = true;
        else if (value != NULL && i + 1 < argc)
            *value = argv[++i];
        else if (argv[i][2] == '\0')
            break; /* a request may start with them, too */
        else
            return false;
    }
    i += i < argc && strcmp(argv[i], "--") == 0;
    o->request = i < argc ? argv[i] : NULL;
    bool any = o->explain || o->role != NULL || o->as != NULL || o->request != NULL;
    return i + 1 >= argc && !(o->brief && any) && !(o->explain && o->request == NULL)
           && !(o->as != NULL && (o->role != NULL || o->explain))
           && (o->peer == NULL || (o->as != NULL && ucspi_address(peer, o->peer)));
}

/* ---- all of it ---- */

static int check_briefly(struct policy *p, const struct settings *s) {
    char error[LIMIT_ERROR];
    /* A role may have what is lacking outside. */
    if (policy_load(p, s, error) == -1 && !roles_any(settings_text(s, SETTING_ROLES_DIR)))
        return log_no_start("check", error);
    int start = check_start(p);
    return start != 0 ? start : check_start_tls(s);
}

/* Takes up the settings of the role that is looked at. False where it has none. */
static bool enter_role(struct subject *x, const char *name) {
    static struct settings s; /* large */
    static char folder[LIMIT_PATH];
    const char *directory = settings_text(x->settings, SETTING_ROLES_DIR);
    struct role role;
    snprintf(role.name, sizeof role.name, "%s", name);
    x->role = name;
    if (!roles_is_name((struct slice){name, strlen(name)}) || !roles_look(directory, &role)) {
        report_error("ROLES_DIR", "there is no role %s in %s", name, directory);
        return false;
    }
    roles_path(folder, directory, name, NULL);
    if (settings_read_role(&s, x->settings, name, folder) == -1) {
        report_error_line(s.error);
        return false;
    }
    x->settings = &s;
    return true;
}

static int check_one_request(struct subject *x, const struct options *o) {
    if (report_code() != 0)
        return report_code();
    if (x->has_account)
        become_account(&x->account);
    return check_request(x->policy, o->request, o->explain);
}

static int check_at_length(struct subject *x, const struct options *o) {
    char error[LIMIT_ERROR];
    if (o->role != NULL && !enter_role(x, o->role))
        return report_code();
    bool roles = o->role == NULL && roles_any(settings_text(x->settings, SETTING_ROLES_DIR));
    bool runs = policy_load(x->policy, x->settings, error) == 0;
    if (!runs && o->request != NULL && o->as == NULL)
        report_error_line(error);
    find_subject(x);
    if (o->as != NULL)
        return check_identity(x, o->as, o->peer, o->request);
    if (o->request != NULL)
        return check_one_request(x, o);
    if (!runs && !roles && !unusable[SETTING_FORCE_COMMAND] && !unusable[SETTING_ALLOWED_COMMANDS])
        report_error_line(error);
    return check_subject(x);
}

int check_main(int argc, char **argv) {
    static struct settings s;
    static struct policy policy;
    static struct authorized_keys keys;
    static struct subject x;
    static char *nothing[] = {NULL};
    struct options o = {.files = false};
    if (!read_options(&o, argc, argv)) {
        fputs(
            "usage: bastion check [--files] [--brief | [--role ROLE | --as NAME [--peer ADDRESS]] "
            "[--explain] [--] [REQUEST]]\n",
            stderr);
        return 64;
    }
    struct settings_places places = {o.files ? nothing : environ,
                                     o.files ? settings_directories_of_guests
                                             : settings_directories};
    x = (struct subject){.settings = &s,
                         .policy = &policy,
                         .keys = &keys,
                         .unusable = unusable,
                         .files = o.files,
                         .root = geteuid() == 0,
                         .container = container_is_ours()};
    if (o.brief)
        return settings_read(&s, &places, NEED_ALL) == -1 ? log_no_start("check", s.error)
                                                          : check_briefly(&policy, &s);
    settings_read_each(&s, &places, NEED_ALL, take_error, unusable);
    int code = check_at_length(&x, &o);
    return printed_whole(stdout) ? code : 71;
}
