/* Webhooks: the settings' lines, and what a delivery's head may claim and its values decide. */
#include <stdio.h>
#include <string.h>

#include "core/hook.h"
#include "core/settings.h"
#include "http/hook_claim.h"
#include "unit.h"

/* ---- HOOK_WHEN and HOOK_PASS ---- */

static const struct {
    const char *when, *pass, *error; /* NULL: good */
} rules[] = {
    {"event = push", NULL, NULL},
    {"\n  # a comment\n event=push|tag\r\n.ref = refs/heads/(main|next)\n", "A = .b [0-9]+", NULL},
    {"event push", NULL, "line 1, column 7: a = belongs here"},
    {"event =", NULL, "line 1, column 8: an expression belongs here"},
    {"\nref = x", NULL, "line 2, column 1: `event` or a value's path belongs here, such as .ref "},
    {".a..b = x", NULL, "line 1, column 1: `event` or"},
    {".ä = (x", NULL, "line 1, column 6: "},
    {"event = x\n.a = \tb", NULL, NULL},
    {"event = a\tb", NULL, "line 1, column 10: a control character"},
    {"\xff = x", NULL, "line 1, column 1: not UTF-8"},
    {NULL, "A = .b", "line 1, column 7: an expression belongs here"},
    {NULL, "A = b x", "line 1, column 5: a value's path belongs here, such as .ref or"},
    {NULL, "A = event x", "line 1, column 5: a value's path belongs here"},
    {NULL, "A .b x", "line 1, column 3: a = belongs here"},
    {NULL, "0A = .b x", "line 1, column 1: a variable's name belongs here"},
    {NULL, "A-B = .b x", "line 1, column 1: a variable's name belongs here"},
    {NULL, " = .b x", "line 1, column 2: a variable's name belongs here"},
    {NULL, "A = .b x\n a = .b x\nA = .c x",
     "line 3, column 1: a variable that an earlier line has"},
};

START_TEST(rule_lines) {
    static struct hook_rules r;
    char error[HOOK_RULES_ERROR];
    const char *wrong = hook_rules_read(&r, rules[_i].when, rules[_i].pass, error);
    if (rules[_i].error == NULL)
        ck_assert_msg(wrong == NULL, "%s", wrong);
    else
        ck_assert_msg(wrong != NULL
                          && strncmp(wrong, rules[_i].error, strlen(rules[_i].error)) == 0,
                      "%s", wrong);
}
END_TEST

START_TEST(rule_room) {
    static struct hook_rules r;
    char when[LIMIT_HOOK_LINES * 16 + 16] = "", pass[LIMIT_HOOK_LINES * 16] = "";
    char error[HOOK_RULES_ERROR];
    for (int i = 0; i < LIMIT_HOOK_LINES; i++) {
        strcat(when, ".a = b\n");
        sprintf(pass + strlen(pass), "A%d = .a b\n", i);
    }
    /* Whatever is right by itself is right together. */
    ck_assert_ptr_null(hook_rules_read(&r, when, pass, error));
    ck_assert_uint_eq(r.count, LIMIT_HOOK_RULES);
    strcat(when, ".a = b\n");
    ck_assert_ptr_nonnull(hook_rules_read(&r, when, NULL, error));
    ck_assert_str_eq(error, "line 17, column 1: one line more than the 16 there is room for");
}
END_TEST

/* ---- HOOK_SECRET ---- */

static const struct {
    const char *text, *error;
} secrets[] = {
    {"a", NULL},
    {"a\n\nb\n", NULL},
    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL},
    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "behind whsec_ a secret must be base64"},
    {"whsec_", "behind whsec_ a secret must be base64"},
    {"a\r\nb", "has a control character"},
    {"a\n b", "must be secrets of at most 4096 bytes with no space at their ends, one a line"},
    {"\n\n", "blank"},
    {"1\n2\n3\n4\n5\n6\n7\n8", NULL},
    {"1\n2\n3\n4\n5\n6\n7\n8\n9", "has more than 8 secrets"},
};

START_TEST(secret_lines) {
    const char *wrong = hook_secrets_wrong(secrets[_i].text);
    if (secrets[_i].error == NULL)
        ck_assert_ptr_null(wrong);
    else
        ck_assert_str_eq(wrong, secrets[_i].error);
}
END_TEST

/* ---- the head ---- */

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX32_UPPER "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
#define BASE32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const struct {
    const char *fields, *wrong, *event, *delivery;
    int malformed, bodies, standards, has_standard, has_token;
} heads[] = {
    {"", NULL, "", "", 0, 0, 0, 0, 0},
    {"X-Hub-Signature-256: sha256=" HEX32 "\r\n", NULL, "", "", 0, 1, 0, 0, 0},
    {"x-hub-signature-256: sha256=" HEX32_UPPER "\r\n", NULL, "", "", 0, 1, 0, 0, 0},
    {"X-Hub-Signature-256: " HEX32 "\r\n", NULL, "", "", 1, 0, 0, 0, 0},
    {"X-Hub-Signature-256: SHA256=" HEX32 "\r\n", NULL, "", "", 1, 0, 0, 0, 0},
    {"X-Hub-Signature-256: sha256=" HEX32 "0\r\n", NULL, "", "", 1, 0, 0, 0, 0},
    {"X-Hub-Signature-256: sha256=\r\n", NULL, "", "", 1, 0, 0, 0, 0},
    {"X-Hub-Signature-256:\r\n", NULL, "", "", 1, 0, 0, 0, 0},
    {"X-Hub-Signature: sha1=000102030405060708090a0b0c0d0e0f10111213\r\n", NULL, "", "", 0, 0, 0, 0,
     0},
    {"X-Gitea-Signature: " HEX32 "\r\nX-Gogs-Signature: " HEX32 "\r\nX-Forgejo-Signature: " HEX32
     "\r\nX-Hub-Signature-256: sha256=" HEX32 "\r\n",
     NULL, "", "", 0, 4, 0, 0, 0},
    {"X-Gitea-Signature: " HEX32 "\r\nX-Gogs-Signature: z\r\n", NULL, "", "", 1, 1, 0, 0, 0},
    {"X-Gitea-Signature: " HEX32 "\r\nX-Gitea-Signature: " HEX32 "\r\n", "X-Gitea-Signature", "",
     "", 0, 1, 0, 0, 0},
    {"X-Gitlab-Token: x\r\n", NULL, "", "", 0, 0, 0, 0, 1},
    {"X-Gitlab-Token:\r\n", NULL, "", "", 0, 0, 0, 0, 1},
    {"X-Gitlab-Token: x\r\nX-Gitlab-Token: y\r\n", "X-Gitlab-Token", "", "", 0, 0, 0, 0, 1},
    {"webhook-signature: v1," BASE32 "\r\nwebhook-id: a\r\nwebhook-timestamp: 5\r\n", NULL, "", "a",
     0, 0, 1, 1, 0},
    {"webhook-signature: v1a," BASE32 " v1," BASE32 " v2,x  v1," BASE32
     " \r\nwebhook-id: a\r\nwebhook-timestamp: 5\r\n",
     NULL, "", "a", 0, 0, 2, 1, 0},
    {"webhook-signature: v1,AAEC\r\nwebhook-id: a\r\nwebhook-timestamp: 5\r\n", NULL, "", "a", 1, 0,
     0, 1, 0},
    {"webhook-signature: v1," BASE32 "\r\nwebhook-timestamp: 5\r\n", NULL, "", "", 1, 0, 1, 1, 0},
    {"webhook-signature: v1," BASE32 "\r\nwebhook-id: a\r\n", NULL, "", "a", 1, 0, 1, 1, 0},
    {"webhook-signature: v1," BASE32
     "\r\nwebhook-id: a\r\nwebhook-timestamp: 55555555555555555555555555\r\n",
     NULL, "", "a", 1, 0, 1, 1, 0},
    {"X-GitHub-Event: push\r\nX-Gitlab-Event: other\r\nX-GitHub-Delivery: one\r\nIdempotency-Key: "
     "two\r\n",
     NULL, "push", "one", 0, 0, 0, 0, 0},
    {"X-Gitlab-Event: Push Hook\r\nX-Gitlab-Event-UUID: u\r\n", NULL, "Push Hook", "u", 0, 0, 0, 0,
     0},
    {"X-GitHub-Delivery: one\r\nwebhook-id: two\r\n", NULL, "", "two", 0, 0, 0, 0, 0},
    {"X-GitHub-Event: push\r\nX-GitHub-Event: push\r\n", "X-GitHub-Event", "push", "", 0, 0, 0, 0,
     0},
    {"Idempotency-Key: a\r\nIdempotency-Key: a\r\n", "Idempotency-Key", "", "a", 0, 0, 0, 0, 0},
};

START_TEST(claims) {
    static struct http1_head head;
    static struct hook_claim claim;
    char text[4096];
    int n =
        snprintf(text, sizeof text, "POST /hooks HTTP/1.1\r\nHost: a\r\n%s\r\n", heads[_i].fields);
    http1_start(&head);
    ck_assert_int_eq(http1_read_head(&head, text, (size_t)n), 200);
    memset(&claim, 0xa5, sizeof claim);
    const char *wrong = hook_claim_read(&claim, &head);
    ck_assert_ptr_eq(wrong == NULL ? NULL : "", heads[_i].wrong == NULL ? NULL : "");
    if (wrong != NULL)
        ck_assert_str_eq(wrong, heads[_i].wrong);
    ck_assert_int_eq(claim.malformed, heads[_i].malformed);
    ck_assert_int_eq(claim.bodies, heads[_i].bodies);
    ck_assert_int_eq(claim.standards, heads[_i].standards);
    ck_assert_int_eq(claim.has_standard, heads[_i].has_standard);
    ck_assert_int_eq(claim.has_token, heads[_i].has_token);
    ck_assert_str_eq(claim.event, heads[_i].event);
    ck_assert_str_eq(claim.delivery, heads[_i].delivery);
    for (int i = 0; i < claim.bodies; i++)
        for (int j = 0; j < SHA256_SIZE; j++)
            ck_assert_uint_eq(claim.body[i][j], (unsigned)j);
}
END_TEST

/* ---- HMAC: RFC 4231 ---- */

static const struct {
    const char *key;
    size_t key_n;
    const char *text, *digest;
} hmacs[] = {
    {BYTES("Jefe"), "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {BYTES("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
     "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
};

START_TEST(hmac_vectors) {
    struct hmac_key key;
    for (size_t cut = 0; cut <= strlen(hmacs[_i].text); cut++) {
        struct hmac h;
        unsigned char digest[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];
        hmac_key(&key, hmacs[_i].key, hmacs[_i].key_n);
        hmac_start(&h, &key);
        hmac_bytes(&h, hmacs[_i].text, cut);
        hmac_bytes(&h, hmacs[_i].text + cut, strlen(hmacs[_i].text) - cut);
        hmac_end(&h, digest);
        for (size_t i = 0; i < SHA256_SIZE; i++)
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        ck_assert_str_eq(hex, hmacs[_i].digest);
    }
}
END_TEST

/* ---- what a front may say: claims out of bounds, values too many ---- */

START_TEST(unsound) {
    static struct settings s;
    static struct hook h;
    static struct hook_claim claim, good;
    char *environment[] = {TEXT("HOOK_SECRET=a"), TEXT("HOOK_WHEN=event = push\n.a = b"),
                           TEXT("HOOK_PASS=A = .a .*"), NULL};
    static const char *const nowhere[] = {NULL};
    const struct settings_places places = {environment, nowhere};
    ck_assert_int_eq(settings_read(&s, &places, NEED_HTTP), 0);
    hook_start(&h);
    hook_secrets_load(&h.secrets, &s);
    ck_assert_ptr_null(settings_text(&s, SETTING_HOOK_SECRET)); /* wiped */
    ck_assert_str_eq(environment[0], "HOOK_SECRET=");
    ck_assert_str_eq(hook_begin(&h, &s, &good), "no signature");
    good.has_token = 1;
    sha256(good.token, "a", 1);
    snprintf(good.event, sizeof good.event, "push");
    for (int i = 0; i < 6; i++) {
        claim = good;
        if (i == 0)
            claim.bodies = HOOK_BODIES + 1;
        if (i == 1)
            claim.standards = LIMIT_HOOK_SIGNATURES + 1;
        if (i > 1)
            memset(i == 2   ? claim.id
                   : i == 3 ? claim.timestamp
                   : i == 4 ? claim.delivery
                            : claim.event,
                   'a',
                   i == 3   ? sizeof claim.timestamp
                   : i == 5 ? sizeof claim.event
                            : 256);
        ck_assert(!hook_is_sound(&claim));
    }
    memset(good.role, 'a', sizeof good.role);
    ck_assert(!hook_is_sound(&good));
    good.role[0] = '\0';
    ck_assert(hook_is_sound(&good));
    ck_assert_ptr_null(hook_begin(&h, &s, &good));
    ck_assert_ptr_null(hook_verify(&h));
    ck_assert(!hook_is_complete(&h));
    ck_assert(hook_take_value(&h, JSON_STRING, false, (struct slice){"b", 1}));
    ck_assert(!hook_is_complete(&h));
    ck_assert(hook_take_value(&h, JSON_STRING, false, (struct slice){"b", 1}));
    ck_assert(hook_is_complete(&h) && h.verdict == HOOK_RUNS);
    ck_assert_str_eq(h.variables[0], "HOOK_A=b");
    ck_assert_ptr_null(h.variables[1]);
    ck_assert(!hook_take_value(&h, JSON_STRING, false, (struct slice){"b", 1}));
    hook_leave(&h);
}
END_TEST

Suite *unit_hook(void) {
    Suite *suite = suite_create("hook");
    TCase *c = tcase_create("hook");
    tcase_add_loop_test(c, rule_lines, 0, COUNT(rules));
    tcase_add_test(c, rule_room);
    tcase_add_loop_test(c, secret_lines, 0, COUNT(secrets));
    tcase_add_loop_test(c, claims, 0, COUNT(heads));
    tcase_add_loop_test(c, hmac_vectors, 0, COUNT(hmacs));
    tcase_add_test(c, unsound);
    suite_add_tcase(suite, c);
    return suite;
}
