/* hook.h: a delivery of a webhook, as the monitor sees it: what its head claims; whether its body
 * is signed; and whether its values want the command run.
 *
 * Who says what: the secret is the monitor's, which takes the body's bytes for its signature and
 * parses none of them. The front, which parses them, finds the values; they count once the
 * signature is right. So a front that a body has taken over can lie about values of a body that
 * somebody has signed, and about nothing else: it can't have a delivery of its own run. */
#ifndef CORE_HOOK_H
#define CORE_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hook_rules.h"
#include "core/hook_secrets.h"
#include "limit.h"
#include "wire/json.h"

/* Signatures of the body alone: X-Hub-Signature-256 and three more fields of the same kind. */
enum { HOOK_BODIES = 4 };

/* What the head of a delivery says, and for which role it is: text of MESSAGE_HOOK. Each text has
 * its NUL. */
struct hook_claim {
    uint8_t malformed; /* a field of a signature has what can be none */
    uint8_t has_standard, has_token;
    uint8_t bodies, standards; /* how many of the next two are there */
    unsigned char body[HOOK_BODIES][SHA256_SIZE];
    /* of webhook-signature, one of which has to be right; over these two and the body */
    unsigned char standard[LIMIT_HOOK_SIGNATURES][SHA256_SIZE];
    char id[LIMIT_HOOK_ID + 1], timestamp[24];
    unsigned char token[SHA256_SIZE]; /* SHA-256 of X-Gitlab-Token */
    char role[LIMIT_ROLE_NAME + 1];   /* empty: for none */
    char delivery[LIMIT_HOOK_ID + 1]; /* its identifier; empty: it has none */
    char event[LIMIT_HOOK_EVENT + 1];
};

enum hook_stage {
    HOOK_NONE,  /* no delivery is at hand */
    HOOK_OPEN,  /* its body is on its way */
    HOOK_SIGNED /* the signature was right: its values may come, then one RUN */
};

enum hook_verdict {
    HOOK_RUNS,
    HOOK_SKIPPED, /* it is none of those that HOOK_WHEN wants, or a ping */
    HOOK_REFUSED  /* a value is none that HOOK_PASS lets through */
};

struct hook {
    enum hook_stage stage;
    int input;           /* the body is kept here for the command (memfd_create(2)); or -1 */
    uint64_t n, most;    /* bytes of the body: so far, and at most */
    const char *missing; /* why there are no secrets; or NULL */
    struct hook_secrets secrets; /* that count for the delivery at hand: the caller's to fill in */
    struct hook_claim claim;
    struct hmac body[LIMIT_HOOK_SECRETS], standard[LIMIT_HOOK_SECRETS];
    bool is_lost; /* ... but there was no room */
    size_t next;  /* the next of the rules whose value may come */
    enum hook_verdict verdict;
    char reason[512];                      /* why it is not to run: the beginning of a sentence */
    char *variables[LIMIT_HOOK_RULES + 1]; /* that HOOK_PASS gives to the command; then NULL */
    size_t variable_n;
    struct buf store; /* of these, on `text` */
    struct hook_rules rules;
    char text[LIMIT_HOOK_VALUES];
};

/* Before the first delivery. */
void hook_start(struct hook *h);

/* Whether a front may say such a thing. */
bool hook_is_sound(const struct hook_claim *claim);

/* Begins a delivery; the one before, if any, is done with. `s`: the rules that count, and whether
 * its body is the command's input; NULL where nothing can be run for it. Returns NULL, or why it is
 * refused whatever its body is, for the log. That there are no secrets is no such reason:
 * nobody but the sender must see which roles there are. */
const char *hook_begin(struct hook *h, const struct settings *s, const struct hook_claim *claim);

/* Lists the paths of the values that are to come, in their order, each with its NUL. */
void hook_list_paths(const struct hook *h, struct buf *b);

/* Takes the next bytes of the body. False where they are more than may come. */
bool hook_take_body(struct hook *h, const char *bytes, size_t n);

/* The body has ended. Returns NULL when every signature that was claimed is right, else why not. */
const char *hook_verify(struct hook *h);

/* Takes the next value. False where no more is to come. */
bool hook_take_value(struct hook *h, enum json_kind kind, bool unusable, struct slice text);

/* Whether all values have come: then h->verdict and h->variables count. */
bool hook_is_complete(struct hook *h);

/* The delivery is done with. */
void hook_leave(struct hook *h);

#endif
