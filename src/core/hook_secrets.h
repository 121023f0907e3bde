/* hook_secrets.h: HOOK_SECRET: what deliveries of webhooks are signed with, one a line. */
#ifndef CORE_HOOK_SECRETS_H
#define CORE_HOOK_SECRETS_H

#include <stddef.h>

#include "limit.h"
#include "wire/hmac.h"

struct settings;

/* The secrets themselves are not kept. */
struct hook_secrets {
    struct hook_secret {
        struct hmac_key text;              /* the line as it stands */
        struct hmac_key standard;          /* of Standard Webhooks: behind whsec_ it is base64 */
        unsigned char digest[SHA256_SIZE]; /* SHA-256 of the line: X-Gitlab-Token is the secret */
    } secret[LIMIT_HOOK_SECRETS];
    size_t count;
};

/* What is wrong with the setting's value, a constant; or NULL. */
const char *hook_secrets_wrong(const char *text);

/* Takes up the secrets of such a value. */
void hook_secrets_take(struct hook_secrets *h, const char *text);

/* Takes the secrets out of the settings and wipes them there. */
void hook_secrets_load(struct hook_secrets *h, struct settings *s);

#endif
