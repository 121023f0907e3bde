#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/pages.h"
#include "http/auth.h"
#include "tool/check_parts.h"
#include "tool/print_error.h"
#include "tool/report.h"
#include "wire/date.h"

/* What is large: roles are named in the tokens. */
struct workspace {
    struct tokens tokens;
    struct roles roles;
    struct settings settings;
    struct policy policy;
};

/* Somebody's credentials, as they are found. */
struct holder {
    struct workspace *work;
    const struct subject *subject;
    const char *who, *peer; /* peer: "" for anywhere */
    int64_t now;
    size_t found;
    /* the roles of those that hold, each once; NULL for none */
    const char *role[LIMIT_ROLES + 1];
    size_t roles;
};

static void add_role(struct holder *h, const char *role) {
    for (size_t i = 0; i < h->roles; i++)
        if (h->role[i] == role
            || (role != NULL && h->role[i] != NULL && strcmp(h->role[i], role) == 0))
            return;
    if (h->roles < sizeof h->role / sizeof *h->role)
        h->role[h->roles++] = role;
}

/* Says of one credential whether it holds. `place` is what it is and where it stands. */
static void show(struct holder *h, const char *place, const char *role, const char *wrong,
                 const char *from) {
    bool anywhere = h->peer[0] == '\0' && wrong == NULL && from[0] != '\0';
    report_line("%s: %s%s%s%s%s", wrong == NULL ? "holds" : "does not hold", place,
                role != NULL ? ", of the role " : "", role != NULL ? role : "",
                wrong != NULL ? ": "
                : anywhere    ? ", from "
                              : "",
                wrong != NULL ? wrong
                : anywhere    ? from
                              : "");
    h->found++;
    if (wrong == NULL)
        add_role(h, role);
}

static void show_keys(struct holder *h) {
    struct authorized_keys *k = h->subject->keys;
    authorized_keys_judge(k, h->peer, h->now);
    for (size_t i = 0; i < k->count; i++) {
        const struct key *key = &k->key[i];
        char print[KEYS_FINGERPRINT], place[KEYS_FINGERPRINT + 32], date[DATE_TEXT], expired[64];
        if (strcmp(key->identity, h->who) != 0)
            continue;
        authorized_keys_fingerprint(print, (struct slice){key->text, SSH_KEY_TEXT});
        snprintf(place, sizeof place, "ssh, key %s", print);
        if (key->state == KEY_EXPIRED) {
            date_print(date, key->expires);
            snprintf(expired, sizeof expired, "it has expired at %s", date);
        }
        const char *wrong = key->state == KEY_SHARED    ? "it stands in two roles"
                            : key->state == KEY_EXPIRED ? expired
                            : key->state == KEY_ELSEWHERE && h->peer[0] != '\0'
                                ? "it does not count from there"
                                : NULL;
        show(h, place, key->role != NULL ? key->role->name : NULL, wrong, key->from);
    }
}

static void show_tokens(struct holder *h) {
    struct tokens *t = &h->work->tokens;
    struct auth a;
    auth_look(&a, h->subject->settings);
    auth_gather(&a, t, &h->work->roles);
    for (size_t i = 0; i < t->count; i++) {
        const struct token *k = &t->token[i], *same;
        char place[LIMIT_PATH + 64], reason[TOKENS_REASON];
        struct buf b = BUF_ON(place);
        if (strcmp(k->name, h->who) != 0)
            continue;
        buf_format(&b, "http, %s", k->place);
        if (k->line > 0)
            buf_format(&b, ":%zu", k->line);
        enum tokens_verdict verdict = tokens_find(t, k->digest, h->peer, h->now, &same);
        bool holds = verdict == TOKENS_GOOD || (verdict == TOKENS_ELSEWHERE && h->peer[0] == '\0');
        if (!holds)
            tokens_describe(reason, verdict, k);
        show(h, buf_string(&b), k->role[0] != '\0' ? k->role : NULL, holds ? NULL : reason,
             k->from);
    }
}

/* Says what a role's credential buys. Returns the exit code. */
static int show_role(const struct holder *h, const char *name, const char *request) {
    struct settings *s = &h->work->settings;
    struct policy *policy = &h->work->policy;
    const struct settings *outside = h->subject->settings;
    char folder[LIMIT_PATH], error[LIMIT_ERROR];
    const char *wrong = NULL;
    if (name != NULL) {
        roles_path(folder, settings_text(outside, SETTING_ROLES_DIR), name, NULL);
        if (settings_read_role(s, outside, name, folder) == -1)
            wrong = s->error;
    }
    if (wrong == NULL && policy_load(policy, name != NULL ? s : outside, error) == -1)
        wrong = error;
    printf("%s%s: ", name != NULL ? "role " : "no role", name != NULL ? name : "");
    if (wrong != NULL) {
        printf("nothing can run: %s\n", wrong);
        return 126;
    }
    if (request != NULL)
        return check_request(policy, request, false);
    puts(policy->mode == POLICY_FORCE ? "the one command (FORCE_COMMAND)"
                                      : "requests that its rules allow");
    return 0;
}

int check_identity(const struct subject *x, const char *who, const char *peer,
                   const char *request) {
    static struct holder h; /* large */
    int code = 126;
    h = (struct holder){
        .subject = x, .who = who, .peer = peer != NULL ? peer : "", .now = time(NULL)};
    h.work = pages_take(sizeof *h.work);
    if (h.work == NULL)
        return print_error("check", "%s", strerror(errno));
    show_keys(&h);
    show_tokens(&h);
    if (h.found == 0)
        report_line("nobody has this name: no key, and no credential of HTTP");
    for (size_t i = 0; i < h.roles; i++)
        if (show_role(&h, h.role[i], request) == 0)
            code = 0;
    return report_code() != 0 ? report_code() : code;
}
