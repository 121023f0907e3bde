/* Who is let in, and what for: auth, admission and policy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/admission.h"
#include "http/auth.h"
#include "core/policy.h"
#include "unit.h"

static struct settings s;

/* Settings from one environment entry (or two), nowhere else. */
static void set(const char *first, const char *second) {
    static char a[256], b[256];
    char *environment[] = {a, b, NULL};
    const char *none[] = {NULL};
    struct settings_places places = {environment, none};
    s = (struct settings){0};
    snprintf(a, sizeof a, "%s", first);
    snprintf(b, sizeof b, "%s", second);
    ck_assert_msg(settings_read(&s, &places, NEED_ALL) == 0, "%s", s.error);
}

static const struct {
    const char *setting, *field;
    size_t n;
    bool right;
} fields[] = {
    {"HTTP_TOKEN=abc", BYTES("Bearer abc"), true},
    {"HTTP_TOKEN=abc", BYTES("bEARER   abc"), true},
    {"HTTP_TOKEN=abc", BYTES("Bearer abd"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer ab"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer abcd"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer abc\0"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer ABC"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer "), false},
    {"HTTP_TOKEN=abc", BYTES("Bearerabc"), false},
    {"HTTP_TOKEN=abc", BYTES("abc"), false},
    {"HTTP_TOKEN=abc", BYTES(""), false},
    {"HTTP_TOKEN=abc", BYTES("Basic YWJj"), false},
    {"HTTP_TOKEN=abc", BYTES("Bearer abc, Bearer abc"), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic dTpw"), true},
    {"HTTP_BASIC_AUTH=u:p", BYTES("basic dTpw"), true},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic dTpwAA=="), false}, /* u:p and a NUL */
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic dTpwYQ=="), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic dTo="), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic u:p"), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic dTpw="), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic dTpw dTpw"), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Basic"), false},
    {"HTTP_BASIC_AUTH=u:p", BYTES("Bearer u:p"), false},
    {"HTTP_BASIC_AUTH=u:p:q", BYTES("Basic dTpwOnE="), true},
    {"FORCE_COMMAND=x", BYTES("Bearer "), false},
    {"FORCE_COMMAND=x", BYTES("Basic "), false},
};

START_TEST(credential) {
    struct auth a;
    struct auth_login who;
    char reason[TOKENS_REASON];
    set(fields[_i].setting, "X=");
    auth_load(&a, &s);
    const struct slice field = {unit_guarded(fields[_i].field, fields[_i].n), fields[_i].n};
    const char *refused = auth_judge(&a, field, "local", &who, reason);
    ck_assert_int_eq(refused == NULL, fields[_i].right);
    ck_assert_str_eq(who.user, refused == NULL ? a.user : "");
    ck_assert_str_eq(who.role.name, "");
}
END_TEST

START_TEST(basic_wins) {
    struct auth a;
    struct auth_login who;
    char reason[TOKENS_REASON];
    set("HTTP_TOKEN=abc", "HTTP_BASIC_AUTH=user:p");
    auth_load(&a, &s);
    ck_assert(a.scheme == AUTH_BASIC && strcmp(a.user, "user") == 0);
    ck_assert_ptr_nonnull(auth_judge(&a, (struct slice){"Bearer abc", 10}, "local", &who, reason));
    ck_assert_ptr_null(settings_text(&s, SETTING_HTTP_TOKEN)); /* both are wiped */
    ck_assert_ptr_null(settings_text(&s, SETTING_HTTP_BASIC_AUTH));
    set("HTTP_TOKEN=abc", "X=");
    auth_load(&a, &s);
    ck_assert_str_eq(a.user, "token");
}
END_TEST

#define RUN "/cgi-bin/run"
static const struct {
    const char *method, *path, *authority, *origin, *site, *purpose;
    size_t authorizations;
    int status;
} requests[] = {
    {"GET", RUN, "h", NULL, NULL, NULL, 1, 0},
    {"POST", RUN, "h", NULL, NULL, NULL, 1, 0},
    {"GET", RUN, "h", NULL, NULL, NULL, 0, 0}, /* the monitor is asked */
    {"GET", RUN, "h", NULL, NULL, NULL, 2, 400},
    {"HEAD", RUN, "h", NULL, NULL, NULL, 1, 405},
    {"PUT", RUN, "h", NULL, NULL, NULL, 1, 405},
    {"get", RUN, "h", NULL, NULL, NULL, 1, 405},
    {"OPTIONS", RUN, "h", NULL, NULL, NULL, 1, 405},
    {"GET", RUN "/", "h", NULL, NULL, NULL, 1, 404},
    {"GET", "/cgi-bin//run", "h", NULL, NULL, NULL, 1, 404},
    {"GET", "/cgi-bin/%72un", "h", NULL, NULL, NULL, 1, 404},
    {"GET", "/", "h", NULL, NULL, NULL, 1, 404},
    {"GET", "", "h", NULL, NULL, NULL, 1, 404},
    {"GET", "/healthz", "h", NULL, NULL, NULL, 0, 200},
    {"HEAD", "/healthz", "h", NULL, NULL, NULL, 0, 200},
    {"POST", "/healthz", "h", NULL, NULL, NULL, 0, 405},
    {"GET", RUN, "h", NULL, "same-origin", NULL, 1, 0},
    {"GET", RUN, "h", NULL, "none", NULL, 1, 0},
    {"GET", RUN, "h", NULL, "cross-site", NULL, 1, 403},
    {"GET", RUN, "h", NULL, "same-site", NULL, 1, 403},
    {"GET", RUN, "h", NULL, "", NULL, 1, 403},
    {"GET", "/x", "h", NULL, "cross-site", NULL, 0, 403},
    {"GET", "/healthz", "h", NULL, "cross-site", NULL, 0, 403},
    {"PUT", RUN, "h", NULL, "cross-site", NULL, 1, 403},
    {"POST", RUN, "h", "http://h", NULL, NULL, 1, 0},
    {"POST", RUN, "h", "https://h", NULL, NULL, 1, 0},
    {"POST", RUN, "H:80", "http://h", NULL, NULL, 1, 0},
    {"POST", RUN, "h", "http://h:80", NULL, NULL, 1, 0},
    {"POST", RUN, "h:443", "https://h", NULL, NULL, 1, 0},
    {"POST", RUN, "h:8080", "http://h:8080", NULL, NULL, 1, 0},
    {"POST", RUN, "[::1]:8080", "http://[::1]:8080", NULL, NULL, 1, 0},
    {"POST", RUN, "h:8080", "http://h:9999", NULL, NULL, 1, 403},
    {"POST", RUN, "h", "http://h.evil", NULL, NULL, 1, 403},
    {"POST", RUN, "h", "http://evilh", NULL, NULL, 1, 403},
    {"POST", RUN, "h", "http://evil", NULL, NULL, 1, 403},
    {"POST", RUN, "h", "null", NULL, NULL, 1, 403},
    {"POST", RUN, "h", "", NULL, NULL, 1, 403},
    {"POST", RUN, "", "http://", NULL, NULL, 1, 403},
    {"POST", RUN, "h", "file://h", NULL, NULL, 1, 403},
    {"GET", RUN, "h", NULL, NULL, "prefetch", 1, 403},
    {"GET", RUN, "h", NULL, NULL, "prefetch;prerender", 1, 403},
    {"GET", RUN, "h", NULL, NULL, "Prefetch", 1, 403},
    {"GET", RUN, "h", NULL, NULL, "preview", 1, 403},
    {"GET", RUN, "h", NULL, NULL, "prerender", 1, 403},
    {"GET", RUN, "h", NULL, NULL, "pre", 1, 0},
};

static struct slice slice(const char *text) {
    return (struct slice){text, text != NULL ? strlen(text) : 0};
}

START_TEST(judged) {
    struct admission_request rq = {
        .method = slice(requests[_i].method),
        .path = slice(requests[_i].path),
        .authority = slice(requests[_i].authority),
        .origin = slice(requests[_i].origin),
        .fetch_site = slice(requests[_i].site),
        .authorizations = requests[_i].authorizations,
    };
    /* it may stand in any of them */
    rq.purpose[_i % ADMISSION_PURPOSES] = slice(requests[_i].purpose);
    struct admission_verdict g = admission_judge(&rq);
    ck_assert_int_eq(g.status, requests[_i].status);
    ck_assert_int_eq(g.allow != NULL, g.status == 405);
    rq.repeated = true;
    ck_assert_int_eq(admission_judge(&rq).status, 403);
}
END_TEST

static const struct {
    const char *authorization, *referer;
    int status;
} hidden[] = {
    {NULL, NULL, 0}, /* the monitor refuses it */
    {"Bearer x", NULL, 0},
    {"bEARER x", NULL, 0},
    {"Basic dTpw", NULL, 403},
    {"Basic dTpw", "http://h/page", 0},
    {"Basic dTpw", "http://evil/", 403},
    {"Bearer x", "http://evil/", 403},
    {"Bearer", NULL, 403},
    {"Bearerx y", NULL, 403},
    {"", NULL, 403},
};

START_TEST(hidden_origin) {
    struct admission_request rq = {.method = slice("POST"),
                                   .path = slice(RUN),
                                   .authority = slice("h"),
                                   .referer = slice(hidden[_i].referer),
                                   .authorization = slice(hidden[_i].authorization),
                                   .authorizations = 1,
                                   .hides_origin = true};
    ck_assert_int_eq(admission_judge(&rq).status, hidden[_i].status);
    rq.path = slice("/healthz");
    rq.method = slice("GET");
    ck_assert_int_eq(admission_judge(&rq).status,
                     hidden[_i].referer != NULL && hidden[_i].status == 403 ? 403 : 200);
}
END_TEST

START_TEST(range) {
    ck_assert_int_eq(admission_judge_range(true).status, 409);
    ck_assert_int_eq(admission_judge_range(false).status, 0);
}
END_TEST

START_TEST(policy) {
    static struct policy p;
    static struct decision d;
    const struct slice nothing = {NULL, 0};
    char error[LIMIT_ERROR];
    set("FORCE_COMMAND=echo 'a b'; id", "X=");
    ck_assert_int_eq(policy_load(&p, &s, error), 0);
    policy_decide(&p, (struct slice){"anything", 8}, &d);
    ck_assert(d.allow);
    ck_assert_str_eq(d.argv[0], "/bin/sh");
    ck_assert_str_eq(d.argv[1], "-c");
    ck_assert_str_eq(d.argv[2], "echo 'a b'; id");
    ck_assert_ptr_null(d.argv[3]);
    ck_assert_int_eq(policy_lock(&p, &s), LOCK_MODE_SKIP);
    ck_assert(!policy_hangs_up(&s, true) && policy_hangs_up(&s, false));
    set("FORCE_COMMAND=x", "COMMAND_LOCK=wait");
    ck_assert_int_eq(policy_load(&p, &s, error), 0);
    ck_assert_int_eq(policy_lock(&p, &s), LOCK_MODE_WAIT);
    set("ON_DISCONNECT=hangup", "X=");
    ck_assert(policy_hangs_up(&s, true));
    set("ON_DISCONNECT=continue", "X=");
    ck_assert(!policy_hangs_up(&s, false));
    /* No mode: nothing can be decided, and what is decided all the same is a refusal. */
    ck_assert_int_eq(policy_load(&p, &s, error), -1);
    policy_decide(&p, nothing, &d);
    ck_assert(!d.allow && d.argv[0] == NULL);
    set("ALLOWED_COMMANDS=.*", "X=");
    ck_assert_int_eq(policy_load(&p, &s, error), 0);
    ck_assert_int_eq(policy_lock(&p, &s), LOCK_MODE_OFF);
    policy_decide(&p, nothing, &d);
    ck_assert(!d.allow && d.argv[0] == NULL);
}
END_TEST

static Suite *suite(const char *name, const TTest *test, size_t rows, const TTest *more) {
    Suite *made = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_add_loop_test(tc, test, 0, (int)rows);
    if (more != NULL)
        tcase_add_test(tc, more);
    suite_add_tcase(made, tc);
    return made;
}

Suite *unit_auth(void) { return suite("auth", credential, COUNT(fields), basic_wins); }
Suite *unit_admission(void) {
    Suite *all = suite("admission", judged, COUNT(requests), range);
    TCase *tc = tcase_create("hidden origin");
    tcase_add_loop_test(tc, hidden_origin, 0, COUNT(hidden));
    suite_add_tcase(all, tc);
    return all;
}
Suite *unit_policy(void) { return suite("policy", policy, 1, NULL); }
