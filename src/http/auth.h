/* auth.h: the credential of HTTP: kept as a digest, and compared with what a client sends. */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/settings.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct auth {
    enum auth_scheme scheme;
    unsigned char digest[32]; /* SHA-256 of what the client must send; the secret itself is wiped */
    char user[LIMIT_USER];    /* for the log: the name before the colon, or "token" */
};

/* Takes the credential out of the settings and wipes it there; HTTP_BASIC_AUTH wins. AUTH_NONE when
 * there is none. */
void auth_load(struct auth *a, struct settings *s);

/* Judges the n bytes of an Authorization field's value (RFC 9110, section 11.6.2; RFC 7617;
 * RFC 6750), in a time that depends on n alone. Returns NULL when they are the credential, else why
 * not, for the log. */
const char *auth_refuse(const struct auth *a, const char *field, size_t n);

/* The value of WWW-Authenticate, for a 401. */
const char *auth_challenge(const struct auth *a);

#endif
