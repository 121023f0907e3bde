#include "core/hook.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/num.h"
#include "core/settings.h"
#include "wire/quote.h"

void hook_start(struct hook *h) { h->input = -1; }

void hook_leave(struct hook *h) {
    h->stage = HOOK_NONE;
    fd_close(&h->input);
}

/* ---- the claim ---- */

#define HAS_END(array) (memchr((array), '\0', sizeof(array)) != NULL)

bool hook_is_sound(const struct hook_claim *c) {
    return HAS_END(c->role) && c->bodies <= HOOK_BODIES && c->standards <= LIMIT_HOOK_SIGNATURES
           && HAS_END(c->id) && HAS_END(c->timestamp) && HAS_END(c->delivery) && HAS_END(c->event);
}

/* Whether a webhook-timestamp is of about now. */
static bool is_recent(const char *timestamp) {
    uint64_t then, now = (uint64_t)time(NULL);
    return num_decimal(timestamp, strlen(timestamp), INT64_MAX, &then)
           && (then > now ? then - now : now - then) <= LIMIT_HOOK_AGE_S;
}

static void start_digests(struct hook *h) {
    const struct hook_claim *c = &h->claim;
    for (size_t i = 0; i < h->secrets.count; i++) {
        hmac_start(&h->body[i], &h->secrets.secret[i].text);
        hmac_start(&h->standard[i], &h->secrets.secret[i].standard);
        hmac_bytes(&h->standard[i], c->id, strlen(c->id));
        hmac_bytes(&h->standard[i], ".", 1);
        hmac_bytes(&h->standard[i], c->timestamp, strlen(c->timestamp));
        hmac_bytes(&h->standard[i], ".", 1);
    }
}

const char *hook_begin(struct hook *h, const struct settings *s, const struct hook_claim *claim) {
    char wrong[HOOK_RULES_ERROR];
    bool keep = s != NULL && settings_number(s, SETTING_HTTP_STDIN) == HTTP_STDIN_BODY;
    hook_leave(h);
    if (claim->malformed)
        return "a signature that is none";
    if (claim->bodies == 0 && !claim->has_standard && !claim->has_token)
        return "no signature";
    if (claim->has_standard && !is_recent(claim->timestamp))
        return "a webhook-timestamp that is not of the last or next five minutes";
    h->rules.count = 0;
    if (s != NULL) /* both are right: they have been read with the other settings */
        hook_rules_read(&h->rules, settings_text(s, SETTING_HOOK_WHEN),
                        settings_text(s, SETTING_HOOK_PASS), wrong);
    if (keep && (h->input = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING)) == -1)
        return "no memory for a body (memfd_create)";
    h->claim = *claim;
    h->most = keep ? settings_number(s, SETTING_HOOK_BODY_MAX) : LIMIT_HOOK_BODY;
    h->n = h->next = h->variable_n = 0;
    h->is_lost = false;
    h->verdict = HOOK_RUNS;
    h->store = BUF_ON(h->text);
    h->stage = HOOK_OPEN;
    start_digests(h);
    return NULL;
}

void hook_list_paths(const struct hook *h, struct buf *b) {
    for (size_t i = 0; i < h->rules.count; i++)
        if (h->rules.rule[i].path != NULL)
            buf_bytes(b, h->rules.rule[i].path, strlen(h->rules.rule[i].path) + 1);
}

/* ---- the signature ---- */

bool hook_take_body(struct hook *h, const char *bytes, size_t n) {
    h->n += n;
    if (h->n > h->most)
        return false;
    if (h->input != -1 && write(h->input, bytes, n) != (ssize_t)n)
        h->is_lost = true;
    for (size_t i = 0; i < h->secrets.count; i++) {
        if (h->claim.bodies > 0)
            hmac_bytes(&h->body[i], bytes, n);
        if (h->claim.has_standard)
            hmac_bytes(&h->standard[i], bytes, n);
    }
    return true;
}

/* 1 where the digests are the same, else 0, in the same time. */
static unsigned is_same(const unsigned char a[SHA256_SIZE], const unsigned char b[SHA256_SIZE]) {
    volatile unsigned difference = 0;
    for (size_t i = 0; i < SHA256_SIZE; i++)
        difference |= (unsigned)(a[i] ^ b[i]);
    return (difference - 1) >> 31;
}

const char *hook_verify(struct hook *h) {
    const struct hook_claim *c = &h->claim;
    unsigned body[HOOK_BODIES] = {0}, standard = 0, token = 0, bodies = 1;
    h->stage = HOOK_NONE;
    for (size_t i = 0; i < h->secrets.count; i++) {
        unsigned char digest[SHA256_SIZE];
        hmac_end(&h->body[i], digest);
        for (size_t j = 0; j < c->bodies; j++)
            body[j] |= is_same(digest, c->body[j]);
        hmac_end(&h->standard[i], digest);
        for (size_t j = 0; j < c->standards; j++)
            standard |= is_same(digest, c->standard[j]);
        token |= is_same(h->secrets.secret[i].digest, c->token);
        explicit_bzero(digest, sizeof digest);
    }
    for (size_t j = 0; j < c->bodies; j++)
        bodies &= body[j];
    if (h->missing != NULL)
        return h->missing;
    if (!bodies)
        return "wrong signature";
    if (c->has_standard && !standard)
        return "wrong webhook-signature";
    if (c->has_token && !token)
        return "wrong X-Gitlab-Token";
    if (h->input != -1
        && (h->is_lost || lseek(h->input, 0, SEEK_SET) == -1
            || fcntl(h->input, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) == -1))
        return "the body can't be kept (memfd_create)";
    h->stage = HOOK_SIGNED;
    return NULL;
}

/* ---- the values ---- */

/* Whether somebody's test of the hook, which nothing is to be run for. */
static bool is_ping(const struct hook *h) { return strcmp(h->claim.event, "ping") == 0; }

/* The first thing that is in the way counts, but what HOOK_WHEN does not want is no fault. */
static void object(struct hook *h, const struct hook_rule *rule, const char *what,
                   struct slice text) {
    struct buf b = BUF_ON(h->reason);
    bool is_when = rule->variable.at == NULL;
    if (h->verdict != HOOK_RUNS)
        return;
    h->verdict = is_when ? HOOK_SKIPPED : HOOK_REFUSED;
    buf_format(&b, "The delivery's %.64s ", rule->path != NULL ? rule->path : "event");
    if (what != NULL)
        buf_text(&b, what);
    else
        buf_text(&b, "is ");
    if (what == NULL)
        quote_text(&b, text.at, text.n, 128);
    buf_text(&b, is_when ? ", which HOOK_WHEN does not want"
                         : ", which HOOK_PASS does not let through");
    if (buf_string(&b) == NULL)
        h->reason[0] = '\0';
}

static bool has_control(struct slice text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    return false;
}

/* A value for the command. Control characters are in no request either (bastion(8), BROKER MODE):
 * what an expression such as .* lets through is not meant to hold a second line. */
static void pass_value(struct hook *h, const struct hook_rule *rule, struct slice text) {
    if (has_control(text)) {
        object(h, rule, "has a control character", text);
        return;
    }
    char *variable = h->store.at + h->store.len;
    buf_text(&h->store, "HOOK_");
    buf_bytes(&h->store, rule->variable.at, rule->variable.n);
    buf_char(&h->store, '=');
    buf_bytes(&h->store, text.at, text.n);
    buf_char(&h->store, '\0');
    if (h->store.full)
        object(h, rule, "is more than there is room for", text);
    else
        h->variables[h->variable_n++] = variable;
}

static void judge_text(struct hook *h, const struct hook_rule *rule, struct slice text) {
    if (!hook_rule_matches(rule, text))
        object(h, rule, NULL, text);
    else if (rule->variable.at != NULL)
        pass_value(h, rule, text);
}

/* The event's name comes with the head. */
static void judge_events(struct hook *h) {
    const struct hook_rule *rule = h->rules.rule;
    for (; h->next < h->rules.count && rule[h->next].path == NULL; h->next++)
        judge_text(h, &rule[h->next], (struct slice){h->claim.event, strlen(h->claim.event)});
}

bool hook_take_value(struct hook *h, enum json_kind kind, bool unusable, struct slice text) {
    judge_events(h);
    if (h->next == h->rules.count || text.n > LIMIT_JSON_VALUE)
        return false;
    const struct hook_rule *rule = &h->rules.rule[h->next++];
    if (kind == JSON_NONE)
        object(h, rule, "is not there", text);
    else if (kind == JSON_ARRAY || kind == JSON_OBJECT)
        object(h, rule, "is an array or object", text);
    else if (unusable)
        object(h, rule, "is too long, or no text", text);
    else
        judge_text(h, rule, text);
    return true;
}

bool hook_is_complete(struct hook *h) {
    judge_events(h);
    h->variables[h->variable_n] = NULL;
    if (is_ping(h)) {
        h->verdict = HOOK_SKIPPED;
        snprintf(h->reason, sizeof h->reason, "This is a ping");
    }
    return h->next == h->rules.count;
}
