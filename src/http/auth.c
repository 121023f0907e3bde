#include "http/auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wire/base64.h"
#include "wire/sha256.h"

void auth_load(struct auth *a, struct settings *s) {
    *a = (struct auth){.scheme = AUTH_NONE};
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

const char *auth_challenge(const struct auth *a) {
    return a->scheme == AUTH_BASIC ? "Basic realm=\"bastion\", charset=\"UTF-8\""
                                   : "Bearer realm=\"bastion\"";
}
