/* tokens.h: the table of HTTP's credentials, by the SHA-256 of their secrets: the tokens, which are
 * files in a directory, an identity each, with where and until when they count
 * (bastion-settings(5), TOKENS), and the secrets that are settings. */
#ifndef CORE_TOKENS_H
#define CORE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/sha256.h"
#include "wire/slice.h"

#define TOKENS_END ".token" /* of the file's name; what stands before it is the identity */

struct tokens {
    /* on `text`; what of the files is unusable, a line each: FILE:LINE: reason */
    struct buf store, errors;
    size_t count;
    struct token {
        unsigned char digest[SHA256_SIZE];
        enum token_kind {
            TOKEN_FILE,   /* of a file: as Bearer, and in Basic behind its identity and a colon */
            TOKEN_BEARER, /* HTTP_TOKEN */
            TOKEN_BASIC   /* HTTP_BASIC_AUTH: the digest is that of user and password */
        } kind;
        int64_t expires;   /* the last second at which it counts, or DATE_NEVER (wire/date.h) */
        const char *place; /* the file or setting that it stands in, in `store` */
        const char *name;  /* the identity, in `store`: the same pointer in all of a file's */
        const char *role;  /* the caller's; empty: of no role */
        const char *from;  /* addresses and networks, in `store`; empty: everywhere */
        size_t line;       /* of the file; 0: the whole of it */
        bool shared;       /* another identity has the same secret: it counts for none */
    } token[LIMIT_TOKENS];
    char text[LIMIT_TOKEN_TEXT];
    char error_text[LIMIT_TOKEN_ERRORS];
    uint16_t place[2 * LIMIT_TOKENS]; /* by digest: an index of `token` and 1; 0: free */
};

/* Starts an empty table, in memory that is zero or has held one before. */
void tokens_start(struct tokens *t);

/* Adds the tokens of each *.token in the directory, an absolute path, for a role, whose name must
 * live as long as the table, and out of whose folder no link leads; or for none (empty). A
 * directory that is missing has none. Of one that a command or an account other than root's could
 * have written (core/protect.h, PROTECT_SETTING), as of such a file, nothing counts. Whatever is
 * unusable is named in t->errors, and the rest counts. */
void tokens_add(struct tokens *t, const char *directory, const char *role);

/* Adds a secret that is a setting, by its digest. `place` is what it is called in the log. */
void tokens_add_secret(struct tokens *t, enum token_kind kind, const char *place, const char *role,
                       struct slice identity, const unsigned char digest[SHA256_SIZE]);

/* Adds one whose texts are in the store. False where there is no room, or its digest is there. */
bool tokens_insert(struct tokens *t, const struct token *token);

/* Puts what stands in files and in roles' settings behind one another, for tokens_unpack: all but
 * secrets outside of any role that are settings. A role is its number: roles[i] for i, whose names
 * the table has by reference. Nothing may be unusable. The buffer may be full afterwards. */
struct roles;
void tokens_pack(const struct tokens *t, const struct roles *roles, struct buf *out);

/* Takes what tokens_pack has put there, of roles whose names live as long as the table, into one
 * that was started. False where it is not whole: then the table has to be started again. */
bool tokens_unpack(struct tokens *t, const struct roles *roles, const void *bytes, size_t n);

/* Whether a file of tokens is there, good or not. */
bool tokens_any(const char *directory);

/* Whether n bytes can be an identity: they stand in the log, and in Basic before a colon. */
bool tokens_is_name(struct slice name);

enum tokens_verdict {
    TOKENS_UNKNOWN,
    TOKENS_GOOD,
    TOKENS_EXPIRED,
    TOKENS_ELSEWHERE, /* the client is not where the token counts */
    TOKENS_SHARED     /* two identities have it */
};

/* Looks a secret up by its digest, for a client at `peer` (base/ucspi.h) and the seconds `now` of
 * time(2). *token is set unless it is unknown. The time is the same wherever in the table the
 * digest stands, and when it stands nowhere: all of it is compared, every bit. */
enum tokens_verdict tokens_find(const struct tokens *t, const unsigned char digest[SHA256_SIZE],
                                const char *peer, int64_t now, const struct token **token);

/* Writes for the log why a secret was refused; the client must not learn it. */
enum { TOKENS_REASON = LIMIT_USER + 128 };
void tokens_describe(char out[TOKENS_REASON], enum tokens_verdict verdict,
                     const struct token *token);

#endif
