/* auth.h: does this HTTP credential open the door? */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/settings.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct auth {
    enum auth_scheme scheme;
    unsigned char digest[32]; /* SHA-256 of what the client must send; the secret itself is wiped */
    char user[LIMIT_USER];    /* the name before the colon, or "token" */
};

/* Takes the credential out of the settings and wipes it there; HTTP_BASIC_AUTH wins. AUTH_NONE when
 * there is none. */
void auth_load(struct auth *a, struct settings *s);

/* Judges the value of one Authorization field (RFC 9110, section 11.6.2; RFC 7617; RFC 6750). Takes
 * a time that depends on the length of `field` alone. NULL when it is right, else the reason, for
 * the log. */
const char *auth_refuse(const struct auth *a, const char *field, size_t n);

/* The challenge for WWW-Authenticate. */
const char *auth_challenge(const struct auth *a);

#endif
