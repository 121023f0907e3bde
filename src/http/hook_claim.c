#include "http/hook_claim.h"

#include <string.h>

#include "base/num.h"
#include "wire/base64.h"

/* HMAC-SHA256 of the body, in hexadecimal. GitHub puts the algorithm before it; SHA-1, which it
 * sends besides in X-Hub-Signature, counts for nothing. */
static const struct body_field {
    const char *name, *prefix;
} body_fields[HOOK_BODIES] = {{"X-Hub-Signature-256", "sha256="},
                              {"X-Forgejo-Signature", ""},
                              {"X-Gitea-Signature", ""},
                              {"X-Gogs-Signature", ""}};

/* The first of these that is there counts. What webhook-id says is signed. */
static const char *const event_fields[] = {"X-GitHub-Event", "X-Forgejo-Event", "X-Gitea-Event",
                                           "X-Gitlab-Event", NULL},
                         *const delivery_fields[] = {"webhook-id",
                                                     "X-GitHub-Delivery",
                                                     "X-Forgejo-Delivery",
                                                     "X-Gitea-Delivery",
                                                     "Idempotency-Key",
                                                     "X-Gitlab-Event-UUID",
                                                     NULL};

struct reading {
    struct hook_claim *claim;
    const struct http1_head *head;
    const char *wrong; /* the field that keeps the request from being read */
};

/* The value of a field, at == NULL where it is absent. */
static struct slice field_of(struct reading *r, const char *name) {
    struct slice value = {NULL, 0};
    if (http1_find(r->head, name, &value) > 1)
        r->wrong = name;
    return value;
}

static bool keep(char *out, size_t cap, struct slice value) {
    size_t n = value.n < cap ? value.n : 0;
    memcpy(out, value.at, n);
    out[n] = '\0';
    return n == value.n;
}

static bool read_hex(unsigned char out[SHA256_SIZE], struct slice text) {
    if (text.n != 2 * (size_t)SHA256_SIZE)
        return false;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        int high = num_hex_digit((unsigned char)text.at[2 * i]),
            low = num_hex_digit((unsigned char)text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static void read_body_signature(struct reading *r, const struct body_field *field) {
    struct hook_claim *c = r->claim;
    struct slice value = field_of(r, field->name);
    size_t n = strlen(field->prefix);
    if (value.at == NULL)
        return;
    if (value.n >= n && memcmp(value.at, field->prefix, n) == 0
        && read_hex(c->body[c->bodies], (struct slice){value.at + n, value.n - n}))
        c->bodies++;
    else
        c->malformed = 1;
}

/* Signatures with a space between them, each VERSION,BASE64; v1 is HMAC-SHA256. */
static void read_standard_list(struct hook_claim *c, struct slice rest) {
    while (rest.n > 0) {
        size_t n = 0;
        while (n < rest.n && rest.at[n] != ' ')
            n++;
        unsigned char digest[SHA256_SIZE];
        bool is_first = n > 3 && memcmp(rest.at, "v1,", 3) == 0;
        if (is_first && base64_decode(digest, sizeof digest, rest.at + 3, n - 3) == SHA256_SIZE) {
            if (c->standards == LIMIT_HOOK_SIGNATURES) {
                c->malformed = 1;
                return;
            }
            memcpy(c->standard[c->standards++], digest, sizeof digest);
        }
        rest = slice_trim_front((struct slice){rest.at + n, rest.n - n}, " ");
    }
}

static void read_standard(struct reading *r) {
    struct hook_claim *c = r->claim;
    struct slice signature = field_of(r, "webhook-signature"), id = field_of(r, "webhook-id"),
                 timestamp = field_of(r, "webhook-timestamp");
    if (signature.at == NULL)
        return;
    c->has_standard = 1;
    read_standard_list(c, signature);
    if (c->standards == 0 || id.n == 0 || timestamp.n == 0 || !keep(c->id, sizeof c->id, id)
        || !keep(c->timestamp, sizeof c->timestamp, timestamp))
        c->malformed = 1;
}

static void read_first(struct reading *r, const char *const *names, char *out, size_t cap) {
    out[0] = '\0';
    for (; *names != NULL; names++) {
        struct slice value = field_of(r, *names);
        if (value.n > 0 && out[0] == '\0' && !keep(out, cap, value))
            r->wrong = *names;
    }
}

const char *hook_claim_read(struct hook_claim *claim, const struct http1_head *head) {
    struct reading r = {.claim = claim, .head = head};
    memset(claim, 0, sizeof *claim);
    for (size_t i = 0; i < HOOK_BODIES; i++)
        read_body_signature(&r, &body_fields[i]);
    read_standard(&r);
    struct slice token = field_of(&r, "X-Gitlab-Token");
    claim->has_token = token.at != NULL;
    if (claim->has_token)
        sha256(claim->token, token.at, token.n);
    read_first(&r, event_fields, claim->event, sizeof claim->event);
    read_first(&r, delivery_fields, claim->delivery, sizeof claim->delivery);
    return r.wrong;
}
