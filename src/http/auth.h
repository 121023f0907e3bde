/* auth.h: the credentials of HTTP: kept as digests, and compared with what a client sends. */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/roles.h"
#include "core/settings.h"
#include "core/tokens.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct auth {
    enum auth_scheme scheme;  /* of the secret that is set outside of any role */
    unsigned char digest[32]; /* its SHA-256; the secret itself is wiped */
    char user[LIMIT_USER];    /* for the log: the name before the colon, or "token" */
    /* TOKENS_DIR and ROLES_DIR: what stands there counts too; of a token by either scheme */
    const char *directory, *roles;
    bool has_others; /* something is there */
    /* by whose RUN_DIR what they say is remembered (core/snapshot.h); NULL: they are always read */
    const struct settings *remembered;
    /* called with what of them is unusable, whenever they are read */
    void (*unusable)(void *context, const struct buf *lines);
    void *context;
};

/* Takes up the credential of the settings, which must live as long; HTTP_BASIC_AUTH wins. AUTH_NONE
 * when there is none. */
void auth_look(struct auth *a, const struct settings *s);
/* The same, and wipes it there. */
void auth_load(struct auth *a, struct settings *s);

/* Makes the table of all that counts now, outside of roles and in them; a token's role is the name
 * of one of these. */
void auth_gather(const struct auth *a, struct tokens *t, struct roles *roles);

/* Whose a credential is, which may be no good any more. */
struct auth_login {
    char user[LIMIT_USER]; /* empty: nobody's */
    struct role role;      /* its name is empty where it is of no role */
};

/* Judges an Authorization field's value (RFC 9110, section 11.6.2; RFC 7617; RFC 6750) by all that
 * counts now; tokens and roles are read anew. A token is one as Bearer, or in Basic behind its
 * identity's name and a colon. The time does not depend on which of them it is, nor on whether it
 * is one. `peer` is where the client is. Returns NULL when it is right; or why not, for the log
 * alone, which may stand in `reason`. */
const char *auth_judge(const struct auth *a, struct slice field, const char *peer,
                       struct auth_login *who, char reason[TOKENS_REASON]);

/* The value of WWW-Authenticate, for a 401; where there are two challenges, with the field's name
 * between them: not all clients take apart a field with both (RFC 9110, section 11.6.1). */
const char *auth_challenge(const struct auth *a);

#endif
