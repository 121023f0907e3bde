#include "core/hook_secrets.h"

#include <string.h>

#include "core/settings.h"
#include "wire/base64.h"
#include "wire/slice.h"

#define STANDARD_PREFIX "whsec_"

/* Takes the next secret; n = 0 at the end. */
static struct slice take_secret(struct slice *rest) {
    struct slice line = {rest->at, 0};
    while (rest->n > 0 && line.n == 0)
        line = slice_take_line(rest);
    return line;
}

/* The key of Standard Webhooks: its bytes, or the secret's own. -1 where it is no base64. */
static ssize_t standard_key(unsigned char out[LIMIT_SECRET], struct slice secret) {
    size_t n = strlen(STANDARD_PREFIX);
    if (secret.n < n || memcmp(secret.at, STANDARD_PREFIX, n) != 0) {
        memcpy(out, secret.at, secret.n);
        return (ssize_t)secret.n;
    }
    ssize_t len = base64_decode(out, LIMIT_SECRET, secret.at + n, secret.n - n);
    return len == 0 ? -1 : len;
}

static const char *wrong_secret(struct slice secret) {
    unsigned char key[LIMIT_SECRET];
    if (secret.n > LIMIT_SECRET || secret.at[0] == ' ' || secret.at[secret.n - 1] == ' ')
        return "must be secrets of at most " LIMIT_TEXT(
            LIMIT_SECRET) " bytes with no space at their ends, one a line";
    for (size_t i = 0; i < secret.n; i++)
        if ((unsigned char)secret.at[i] < 0x20 || secret.at[i] == 0x7f)
            return "has a control character";
    bool decodes = standard_key(key, secret) != -1;
    explicit_bzero(key, sizeof key);
    return decodes ? NULL : "behind " STANDARD_PREFIX " a secret must be base64";
}

const char *hook_secrets_wrong(const char *text) {
    struct slice rest = {text, strlen(text)}, secret;
    size_t count = 0;
    for (; (secret = take_secret(&rest)).n > 0; count++) {
        const char *wrong = wrong_secret(secret);
        if (wrong != NULL)
            return wrong;
    }
    if (count > LIMIT_HOOK_SECRETS)
        return "has more than " LIMIT_TEXT(LIMIT_HOOK_SECRETS) " secrets";
    return count == 0 ? "blank" : NULL;
}

void hook_secrets_take(struct hook_secrets *h, const char *text) {
    struct slice rest = {text, strlen(text)}, secret;
    h->count = 0;
    while (h->count < LIMIT_HOOK_SECRETS && (secret = take_secret(&rest)).n > 0) {
        struct hook_secret *one = &h->secret[h->count++];
        unsigned char key[LIMIT_SECRET];
        ssize_t n = standard_key(key, secret);
        hmac_key(&one->text, secret.at, secret.n);
        hmac_key(&one->standard, key, n > 0 ? (size_t)n : 0);
        sha256(one->digest, secret.at, secret.n);
        explicit_bzero(key, sizeof key);
    }
}

void hook_secrets_load(struct hook_secrets *h, struct settings *s) {
    const char *text = settings_text(s, SETTING_HOOK_SECRET);
    hook_secrets_take(h, text != NULL ? text : "");
    settings_wipe(s, SETTING_HOOK_SECRET);
}
