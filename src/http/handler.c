#include "http/handler.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "core/audit.h"

static const char *error_of(struct handler *d, char *const *environment) {
    struct settings_places places = {environment, strcmp(d->channel, "cgi") == 0
                                                      ? settings_directories_of_guests
                                                      : settings_directories};
    const char *error =
        settings_start(&d->settings, &places, NEED_RUN | NEED_HTTP | NEED_ACCOUNT | NEED_RUN_DIR);
    auth_load(&d->auth, &d->settings);
    if (error != NULL)
        return error;
    if (session_open(&d->session, &d->settings, environment, &error) == -1)
        return error;
    if (d->auth.scheme == AUTH_NONE)
        return "HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set, so nobody may run anything";
    return NULL;
}

void handler_open(struct handler *d, const char *channel, const char *peer,
                  char *const *environment) {
    signal(SIGPIPE, SIG_IGN);
    /* a command of the same account must not read the credential here (ptrace(2)) */
    prctl(PR_SET_DUMPABLE, 0);
    d->channel = channel;
    snprintf(d->peer, sizeof d->peer, "%s", peer);
    const char *error = error_of(d, environment);
    d->unusable = error != NULL;
    if (d->unusable)
        audit_error(channel, d->peer, error);
}

void handler_note_refusal(struct handler *d, int status, const char *reason, bool login) {
    char text[LIMIT_LOG_TEXT / 4];
    struct audit a = audit_denial(d->channel, d->peer, reason);
    enum init_link_answer answer = init_link_ask();
    if (answer == INIT_LINK_COUNTED)
        return;
    /* Of wrong credentials one connection has one a second at most (LIMIT_DENIED_MS). */
    if (answer == INIT_LINK_NOBODY && !login
        && !rate_allows(&d->denials, LIMIT_DENIAL_LINES, clock_now()))
        return;
    if (d->denials.left_out > 0) {
        snprintf(text, sizeof text, "%s; %llu more were refused since the last such line", reason,
                 (unsigned long long)d->denials.left_out);
        a.reason = text;
        d->denials.left_out = 0;
    }
    a.event = login ? "login" : a.event;
    a.user = d->user[0] != '\0' ? d->user : NULL;
    a.status = status;
    audit_write(&a);
}

void handler_note_left_out(struct handler *d) {
    char text[96] = "";
    struct audit a = audit_denial(d->channel, d->peer, text);
    if (d->denials.left_out == 0)
        return;
    snprintf(text, sizeof text, "%llu more were refused since the last such line",
             (unsigned long long)d->denials.left_out);
    audit_write(&a);
}

void handler_note_command(struct handler *d, size_t given, struct slice value) {
    d->requested.given = given;
    if (d->session.policy.mode != POLICY_BROKER || given == 0)
        return;
    d->requested.n = value.n < sizeof d->requested.at ? value.n : sizeof d->requested.at;
    memcpy(d->requested.at, value.at, d->requested.n);
}

/* In broker mode a request is one only with exactly one X-Bastion-Command. */
static bool lacks_command(const struct handler *d, struct admission_verdict *g) {
    *g = (struct admission_verdict){
        .status = 400,
        .reason =
            d->requested.given == 0 ? "no X-Bastion-Command" : "more than one X-Bastion-Command",
        .text = "Bad Request: one X-Bastion-Command has to say what to run."};
    return d->session.policy.mode == POLICY_BROKER && d->requested.given != 1;
}

bool handler_takes_body(const struct handler *d) {
    return settings_number(&d->settings, SETTING_HTTP_STDIN) == HTTP_STDIN_BODY;
}

/* A body of unknown length may turn out to be longer: the run is under way by then, and it is read
 * all the same. */
static bool is_too_long(const struct handler *d, const struct body *body,
                        struct admission_verdict *g) {
    *g = (struct admission_verdict){
        .status = 413, .reason = "a body above 32 MiB, which the command does not take"};
    return !handler_takes_body(d) && body->length > LIMIT_DROPPED_BODY;
}

bool handler_run(struct handler *d, struct reply *x, struct body *body) {
    struct admission_verdict g;
    if (lacks_command(d, &g) || is_too_long(d, body, &g)) {
        handler_refuse(d, x, &g, body);
        return true;
    }
    struct request rq = {.requested = {d->requested.at, d->requested.n},
                         .channel = d->channel,
                         .user = d->user[0] != '\0' ? d->user : d->auth.user,
                         .peer = d->peer,
                         .form = handler_takes_body(d) ? RUN_MERGED_INPUT : RUN_MERGED};
    if (x->continues && reply_continue(x) == -1) {
        x->close = true; /* it is gone */
        return true;
    }
    char run[SESSION_RUN_ID];
    session_new_run(run);
    x->ran = true;
    response_start(&d->answer, x, body, handler_takes_body(d), run,
                   (int64_t)settings_number(&d->settings, SETTING_HTTP_HOLD_MS));
    if (!session_serve(&d->session, &rq, run, &d->answer.client))
        x->close = true;
    return !d->answer.broken;
}

/* Reads the request's body, and where the credential is wrong lets its second pass. */
static void take_body(struct reply *x, struct body *body, bool denied) {
    int64_t now = clock_now(),
            deadline = clock_after(now, denied ? LIMIT_DENIED_MS : LIMIT_BODY_WAIT_MS);
    /* A client that waits for a 100 and gets a refusal need not send its body, but may. */
    if (x->continues || !body_drop(body, deadline, LIMIT_BODY_WAIT_MS))
        x->close = x->rest = true;
    int64_t left = deadline - clock_now();
    if (denied && left > 0)
        poll(NULL, 0, (int)left);
}

void handler_refuse(struct handler *d, struct reply *x, const struct admission_verdict *g,
                    struct body *body) {
    char fields[128] = "";
    if (g->reason != NULL)
        handler_note_refusal(d, g->status, g->reason, g->login);
    take_body(x, body, g->status == 401);
    if (g->status == 401) {
        snprintf(fields, sizeof fields, "WWW-Authenticate: %s\r\n", auth_challenge(&d->auth));
    } else if (g->status == 405) {
        snprintf(fields, sizeof fields, "Allow: %s\r\n", g->allow);
    }
    if (reply_send(x, g->status, fields, g->text) == -1)
        x->close = true;
}

void handler_patience(const struct reply *x, int64_t *ms, int64_t *idle) {
    *ms = !x->rest ? LIMIT_DRAIN_MS : x->ran ? LIMIT_DRAIN_RAN_MS : LIMIT_DRAIN_REFUSED_MS;
    *idle = !x->rest ? LIMIT_DRAIN_MS : x->ran ? LIMIT_BODY_STALL_MS : LIMIT_DRAIN_REFUSED_IDLE_MS;
}
