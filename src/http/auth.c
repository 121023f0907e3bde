#include "http/auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/protect.h"
#include "core/snapshot.h"
#include "wire/base64.h"
#include "wire/sha256.h"

static struct slice name_before_colon(struct slice basic) {
    const char *colon = memchr(basic.at, ':', basic.n);
    return (struct slice){basic.at, colon != NULL ? (size_t)(colon - basic.at) : basic.n};
}

void auth_look(struct auth *a, const struct settings *s) {
    const char *basic = settings_text(s, SETTING_HTTP_BASIC_AUTH),
               *token = settings_text(s, SETTING_HTTP_TOKEN);
    *a = (struct auth){.scheme = AUTH_NONE,
                       .directory = settings_text(s, SETTING_TOKENS_DIR),
                       .roles = settings_text(s, SETTING_ROLES_DIR)};
    a->has_others = (a->directory != NULL && tokens_any(a->directory))
                    || (a->roles != NULL && roles_any(a->roles));
    const char *secret = basic != NULL ? basic : token;
    if (secret == NULL)
        return;
    a->scheme = basic != NULL ? AUTH_BASIC : AUTH_BEARER;
    snprintf(a->user, sizeof a->user, "%.*s", basic != NULL ? (int)strcspn(basic, ":") : 5,
             basic != NULL ? basic : "token");
    sha256(a->digest, secret, strlen(secret));
}

void auth_load(struct auth *a, struct settings *s) {
    auth_look(a, s);
    settings_wipe(s, SETTING_HTTP_BASIC_AUTH);
    settings_wipe(s, SETTING_HTTP_TOKEN);
}

/* ---- all that counts now ---- */

static void add_setting_outside(const struct auth *a, struct tokens *t) {
    bool basic = a->scheme == AUTH_BASIC;
    if (a->scheme != AUTH_NONE)
        tokens_add_secret(t, basic ? TOKEN_BASIC : TOKEN_BEARER,
                          settings_name(basic ? SETTING_HTTP_BASIC_AUTH : SETTING_HTTP_TOKEN), "",
                          (struct slice){a->user, strlen(a->user)}, a->digest);
}

/* Adds the role's HTTP_BASIC_AUTH or HTTP_TOKEN. Returns whether it has it. */
static bool add_setting(struct tokens *t, enum setting id, const char *folder, const char *role) {
    char secret[LIMIT_SECRET + 2], place[LIMIT_PATH + 32], error[LIMIT_ERROR];
    unsigned char digest[SHA256_SIZE];
    bool basic = id == SETTING_HTTP_BASIC_AUTH;
    size_t n;
    int got = settings_read_role_secret(id, folder, secret, &n, error);
    struct slice identity =
        basic ? name_before_colon((struct slice){secret, n}) : (struct slice){"token", 5};
    if (got == -1)
        buf_error_line(&t->errors, error, 0, "it lets nobody in");
    snprintf(place, sizeof place, "%s/%s", folder, settings_name(id));
    sha256(digest, secret, n);
    if (got == 1)
        tokens_add_secret(t, basic ? TOKEN_BASIC : TOKEN_BEARER, place, role, identity, digest);
    explicit_bzero(secret, n);
    return got != 0;
}

static void add_role(const struct auth *a, struct tokens *t, const char *role) {
    char folder[LIMIT_PATH], tokens[LIMIT_PATH];
    if (roles_path(folder, a->roles, role, NULL) == NULL
        || roles_path(tokens, a->roles, role, ROLES_TOKENS) == NULL)
        return;
    if (!add_setting(t, SETTING_HTTP_BASIC_AUTH, folder, role)) /* which wins, as outside */
        add_setting(t, SETTING_HTTP_TOKEN, folder, role);
    tokens_add(t, tokens, role);
}

/* ---- what is remembered of it ---- */

#define SNAPSHOT "tokens"

/* The roles, and behind them the tokens. False where it has to be read. */
static bool remember(const struct auth *a, struct tokens *t, struct roles *roles) {
    size_t n = 0, counted = sizeof roles->count;
    const char *at =
        a->remembered != NULL && a->has_others ? snapshot_take(a->remembered, SNAPSHOT, &n) : NULL;
    if (at == NULL || n < counted)
        return false;
    memcpy(&roles->count, at, counted);
    size_t of_roles = roles->count <= LIMIT_ROLES ? roles->count * sizeof *roles->role : n;
    if (of_roles > n - counted)
        return false;
    memcpy(roles->role, at + counted, of_roles);
    tokens_start(t);
    if (!tokens_unpack(t, roles, at + counted + of_roles, n - counted - of_roles))
        return false;
    add_setting_outside(a, t);
    return t->errors.len == 0;
}

static void leave(const struct auth *a, const struct tokens *t, const struct roles *roles,
                  struct snapshot_reading *reading) {
    struct buf b = snapshot_room();
    buf_bytes(&b, &roles->count, sizeof roles->count);
    buf_bytes(&b, roles->role, roles->count * sizeof *roles->role);
    tokens_pack(t, roles, &b);
    snapshot_leave(reading, a->remembered, SNAPSHOT, t->errors.len > 0 || b.full ? NULL : b.at,
                   b.len);
}

void auth_gather(const struct auth *a, struct tokens *t, struct roles *roles) {
    struct snapshot_reading reading;
    bool remembers = a->remembered != NULL && a->has_others;
    if (remembers && remember(a, t, roles))
        return;
    if (remembers)
        snapshot_begin(&reading);
    protect_begin();
    tokens_start(t);
    add_setting_outside(a, t);
    if (a->directory != NULL)
        tokens_add(t, a->directory, "");
    roles->count = 0;
    if (a->roles != NULL)
        roles_list(roles, a->roles, &t->errors);
    for (size_t i = 0; i < roles->count; i++)
        add_role(a, t, roles->role[i].name);
    if (t->errors.len == 0)
        protect_has_judged(PROTECT_TOKENS);
    if (a->unusable != NULL)
        a->unusable(a->context, &t->errors);
    if (remembers)
        leave(a, t, roles, &reading);
}

/* ---- what the client sends ---- */

/* Takes the scheme and the space behind it off a field's value. */
static bool take_scheme(struct slice *field, const char *scheme) {
    size_t n = strlen(scheme);
    if (field->n <= n || strncasecmp(field->at, scheme, n) != 0 || field->at[n] != ' ')
        return false;
    *field = slice_trim_front((struct slice){field->at + n, field->n - n}, " ");
    return true;
}

/* Whether anything can be shown by the scheme. Where the only secret is of the other one the client
 * has taken the wrong one; a token's is both. */
static bool any_of_scheme(const struct tokens *t, enum token_kind kind) {
    for (size_t i = 0; i < t->count; i++)
        if (t->token[i].kind == kind || t->token[i].kind == TOKEN_FILE)
            return true;
    return false;
}

struct found {
    enum tokens_verdict verdict;
    const struct token *token; /* NULL where it is unknown */
};

static struct found find(const struct tokens *t, struct slice secret, const char *peer) {
    unsigned char digest[SHA256_SIZE];
    struct found f = {.token = NULL};
    sha256(digest, secret.at, secret.n);
    f.verdict = tokens_find(t, digest, peer, time(NULL), &f.token);
    explicit_bzero(digest, sizeof digest);
    return f;
}

static struct found find_bearer(const struct tokens *t, struct slice secret, const char *peer) {
    struct found f = find(t, secret, peer);
    if (f.token != NULL && f.token->kind == TOKEN_BASIC)
        f.token = NULL;
    return f;
}

/* What was sent as Basic is user and password of HTTP_BASIC_AUTH, or an identity and its token:
 * both are looked for, whatever becomes of the first. */
static struct found find_basic(const struct tokens *t, struct slice decoded, const char *peer) {
    struct slice name = name_before_colon(decoded);
    size_t before = name.n < decoded.n ? name.n + 1 : decoded.n;
    struct found whole = find(t, decoded, peer),
                 token = find(t, (struct slice){decoded.at + before, decoded.n - before}, peer);
    if (whole.token != NULL && whole.token->kind == TOKEN_BASIC)
        return whole;
    if (token.token != NULL
        && (token.token->kind != TOKEN_FILE || !slice_is(name, token.token->name)))
        token.token = NULL;
    return token;
}

static const char *judge_found(const struct found *f, const struct roles *roles,
                               const char *unknown, struct auth_login *who,
                               char reason[TOKENS_REASON]) {
    if (f->token == NULL)
        return unknown;
    snprintf(who->user, sizeof who->user, "%s", f->token->name);
    for (size_t i = 0; i < roles->count; i++)
        if (f->token->role == roles->role[i].name)
            who->role = roles->role[i];
    if (f->verdict == TOKENS_GOOD)
        return NULL;
    tokens_describe(reason, f->verdict, f->token);
    return reason;
}

const char *auth_judge(const struct auth *a, struct slice field, const char *peer,
                       struct auth_login *who, char reason[TOKENS_REASON]) {
    /* These two are large. (By their alignment the linker puts them near what else is used.) */
    static _Alignas(4096) struct tokens t;
    static _Alignas(4096) struct roles roles;
    unsigned char decoded[LIMIT_SECRET];
    struct found f;
    who->user[0] = who->role.name[0] = '\0';
    auth_gather(a, &t, &roles);
    if (t.count == 0)
        return "no credential is set";
    bool bearer = take_scheme(&field, "Bearer");
    if ((!bearer && !take_scheme(&field, "Basic"))
        || !any_of_scheme(&t, bearer ? TOKEN_BEARER : TOKEN_BASIC))
        return "wrong scheme";
    if (bearer) {
        f = find_bearer(&t, field, peer);
        return judge_found(&f, &roles, "wrong token", who, reason);
    }
    ssize_t n = base64_decode(decoded, sizeof decoded, field.at, field.n);
    if (n < 0)
        return "not base64";
    f = find_basic(&t, (struct slice){(const char *)decoded, (size_t)n}, peer);
    explicit_bzero(decoded, sizeof decoded);
    return judge_found(&f, &roles, "wrong user or password", who, reason);
}

/* ---- what is asked of him ---- */

#define BASIC "Basic realm=\"bastion\", charset=\"UTF-8\""
#define BEARER "Bearer realm=\"bastion\""

const char *auth_challenge(const struct auth *a) {
    if (a->has_others)
        return BASIC "\r\nWWW-Authenticate: " BEARER;
    return a->scheme == AUTH_BASIC ? BASIC : BEARER;
}
