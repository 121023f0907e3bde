#include "http/auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "wire/base64.h"
#include "wire/sha256.h"

void auth_load(struct auth *a, struct settings *s) {
    const char *directory = settings_text(s, SETTING_TOKENS_DIR);
    *a = (struct auth){.scheme = AUTH_NONE,
                       .directory = directory,
                       .has_tokens = directory != NULL && tokens_any(directory)};
    const char *basic = settings_text(s, SETTING_HTTP_BASIC_AUTH),
               *token = settings_text(s, SETTING_HTTP_TOKEN);
    const char *secret = basic != NULL ? basic : token;
    if (secret == NULL)
        return;
    a->scheme = basic != NULL ? AUTH_BASIC : AUTH_BEARER;
    snprintf(a->user, sizeof a->user, "%.*s", basic != NULL ? (int)strcspn(basic, ":") : 5,
             basic != NULL ? basic : "token");
    sha256(a->digest, secret, strlen(secret));
    settings_wipe(s, SETTING_HTTP_BASIC_AUTH);
    settings_wipe(s, SETTING_HTTP_TOKEN);
}

/* Both sides are digests, so neither the place of the first difference nor a length shows in the
 * time. */
static bool matches_secret(const struct auth *a, const void *candidate, size_t n) {
    unsigned char theirs[32];
    sha256(theirs, candidate, n);
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < sizeof theirs; i++)
        difference |= theirs[i] ^ a->digest[i];
    explicit_bzero(theirs, sizeof theirs);
    return difference == 0;
}

const char *auth_refuse(const struct auth *a, const char *field, size_t n) {
    const char *wanted = a->scheme == AUTH_BASIC ? "Basic" : "Bearer";
    size_t scheme = strlen(wanted), at = scheme;
    if (a->scheme == AUTH_NONE)
        return "no credential is set";
    if (n <= scheme || strncasecmp(field, wanted, scheme) != 0 || field[at] != ' ')
        return "wrong scheme";
    while (at < n && field[at] == ' ')
        at++;
    if (a->scheme == AUTH_BEARER)
        return matches_secret(a, field + at, n - at) ? NULL : "wrong token";
    unsigned char decoded[LIMIT_SECRET];
    ssize_t len = base64_decode(decoded, sizeof decoded, field + at, n - at);
    bool right = len >= 0 && matches_secret(a, decoded, (size_t)len);
    explicit_bzero(decoded, sizeof decoded);
    return right ? NULL : len < 0 ? "not base64" : "wrong user or password";
}

/* Takes the scheme and the space behind it off a field's value. */
static bool take_scheme(struct slice *field, const char *scheme) {
    size_t n = strlen(scheme);
    if (field->n <= n || strncasecmp(field->at, scheme, n) != 0 || field->at[n] != ' ')
        return false;
    *field = slice_trim_front((struct slice){field->at + n, field->n - n}, " ");
    return true;
}

static const char *judge_token(const struct tokens *t, struct slice name, struct slice secret,
                               const char *peer, const struct token **token,
                               char reason[TOKENS_REASON]) {
    unsigned char digest[SHA256_SIZE];
    sha256(digest, secret.at, secret.n);
    enum tokens_verdict verdict = tokens_find(t, digest, peer, time(NULL), token);
    explicit_bzero(digest, sizeof digest);
    if (name.at != NULL && (verdict == TOKENS_UNKNOWN || !slice_is(name, (*token)->name)))
        return "wrong user or password";
    if (verdict == TOKENS_GOOD)
        return NULL;
    tokens_describe(reason, verdict, *token);
    return reason;
}

static const char *judge_by_tokens(const struct tokens *t, struct slice field, const char *peer,
                                   const struct token **token, char reason[TOKENS_REASON]) {
    unsigned char decoded[LIMIT_SECRET];
    if (take_scheme(&field, "Bearer"))
        return judge_token(t, (struct slice){NULL, 0}, field, peer, token, reason);
    if (!take_scheme(&field, "Basic"))
        return "wrong scheme";
    ssize_t n = base64_decode(decoded, sizeof decoded, field.at, field.n);
    const char *text = (const char *)decoded, *colon = n > 0 ? memchr(text, ':', (size_t)n) : NULL;
    const char *refused = n < 0 ? "not base64" : "wrong user or password";
    if (colon != NULL) {
        size_t before = (size_t)(colon - text);
        refused =
            judge_token(t, (struct slice){text, before},
                        (struct slice){colon + 1, (size_t)n - before - 1}, peer, token, reason);
    }
    explicit_bzero(decoded, sizeof decoded);
    return refused;
}

const char *auth_judge(const struct auth *a, struct slice field, const char *peer,
                       char user[LIMIT_USER], char reason[TOKENS_REASON]) {
    static struct tokens t; /* large */
    const struct token *token = NULL;
    const char *refused = auth_refuse(a, field.at, field.n);
    if (refused != NULL) {
        tokens_start(&t);
        tokens_add(&t, a->directory);
        if (a->unusable != NULL)
            a->unusable(a->context, &t.errors);
        if (t.count == 0)
            return refused;
        refused = judge_by_tokens(&t, field, peer, &token, reason);
    }
    if (refused == NULL)
        snprintf(user, LIMIT_USER, "%s", token != NULL ? token->name : a->user);
    return refused;
}

#define BASIC "Basic realm=\"bastion\", charset=\"UTF-8\""
#define BEARER "Bearer realm=\"bastion\""

const char *auth_challenge(const struct auth *a) {
    if (a->has_tokens)
        return BASIC "\r\nWWW-Authenticate: " BEARER;
    return a->scheme == AUTH_BASIC ? BASIC : BEARER;
}
