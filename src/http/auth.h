/* auth.h: the credentials of HTTP: kept as digests, and compared with what a client sends. */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/settings.h"
#include "core/tokens.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct auth {
    enum auth_scheme scheme;
    unsigned char digest[32]; /* SHA-256 of what the client must send; the secret itself is wiped */
    char user[LIMIT_USER];    /* for the log: the name before the colon, or "token" */
    const char *directory;    /* TOKENS_DIR: these count too, by either scheme */
    bool has_tokens;          /* a file is there */
    /* called with what of the tokens is unusable, whenever they are read */
    void (*unusable)(void *context, const struct buf *lines);
    void *context;
};

/* Takes the credential out of the settings and wipes it there; HTTP_BASIC_AUTH wins. AUTH_NONE when
 * there is none. The settings must live as long. */
void auth_load(struct auth *a, struct settings *s);

/* Judges the n bytes of an Authorization field's value (RFC 9110, section 11.6.2; RFC 7617;
 * RFC 6750), in a time that depends on n alone. Returns NULL when they are the credential, else why
 * not, for the log. */
const char *auth_refuse(const struct auth *a, const char *field, size_t n);

/* Judges them by the tokens, too, which are read anew (core/tokens.h): a token as Bearer, or in
 * Basic behind its identity's name and a colon. `peer` is where the client is. Returns NULL, with
 * who it is in `user`; or why not, which may stand in `reason`. */
const char *auth_judge(const struct auth *a, struct slice field, const char *peer,
                       char user[LIMIT_USER], char reason[TOKENS_REASON]);

/* The value of WWW-Authenticate, for a 401; where there are two challenges, with the field's name
 * between them: not all clients take apart a field with both (RFC 9110, section 11.6.1). */
const char *auth_challenge(const struct auth *a);

#endif
