#include "http/handler.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "core/audit.h"

static const char *fault_of(struct door *d, char *const *environment) {
    struct settings_places places = {environment, strcmp(d->channel, "cgi") == 0 ? settings_folders_of_guests : settings_folders};
    const char *fault = NULL;
    bool read = settings_read(&d->settings, &places, NEED_RUN | NEED_HTTP | NEED_ACCOUNT | NEED_RUN_DIR) == 0;
    audit_use(&d->settings, read);
    auth_load(&d->auth, &d->settings);
    if (!read)
        return d->settings.fault;
    if (session_open(&d->session, &d->settings, environment, &fault) == -1)
        return fault;
    if (d->auth.scheme == AUTH_NONE)
        return "HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set, so nobody may run anything";
    return NULL;
}

void door_open(struct door *d, const char *channel, const char *peer, char *const *environment) {
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0); /* a command of the same account must not read the credential here (ptrace(2)) */
    log_heed(environment);
    d->channel = channel;
    snprintf(d->peer, sizeof d->peer, "%s", peer);
    const char *fault = fault_of(d, environment);
    d->faulty = fault != NULL;
    if (d->faulty)
        audit_fault(channel, d->peer, fault);
}

void door_note(const struct door *d, int status, const char *reason, bool login) {
    struct audit a = AUDIT_EMPTY;
    a.event = login ? "login" : "deny";
    a.channel = d->channel;
    a.user = d->user[0] != '\0' ? d->user : NULL;
    a.peer = d->peer;
    a.verdict = "deny";
    a.status = status;
    a.reason = reason;
    audit_write(&a);
}

void door_wish(struct door *d, size_t given, struct slice value) {
    d->wish.given = given;
    if (d->session.policy.mode != POLICY_BROKER || given == 0)
        return;
    d->wish.n = value.n < sizeof d->wish.at ? value.n : sizeof d->wish.at;
    memcpy(d->wish.at, value.at, d->wish.n);
}

/* In broker mode a request is one only with exactly one X-Bastion-Command. */
static bool lacks_wish(const struct door *d, struct gate_answer *g) {
    *g = (struct gate_answer){.status = 400,
                              .reason = d->wish.given == 0 ? "no X-Bastion-Command" : "more than one X-Bastion-Command",
                              .text = "Bad Request: one X-Bastion-Command has to say what to run.\n"};
    return d->session.policy.mode == POLICY_BROKER && d->wish.given != 1;
}

bool door_takes_body(const struct door *d) { return settings_number(&d->settings, HTTP_STDIN) == STDIN_BODY; }

/* A body of unknown length may turn out to be longer: the run is under way by then, and it is read all the same. */
static bool is_too_long(const struct door *d, const struct body *body, struct gate_answer *g) {
    *g = (struct gate_answer){.status = 413,
                              .reason = "a body above 32 MiB, which the command does not take",
                              .text = "Nothing was run: the body is longer than 32 MiB, and the command does not take it.\n"};
    return !door_takes_body(d) && body->length > LIMIT_DROPPED_BODY;
}

bool door_run(struct door *d, struct exchange *x, struct body *body) {
    struct gate_answer g;
    if (lacks_wish(d, &g) || is_too_long(d, body, &g)) {
        door_refuse(d, x, &g, body);
        return true;
    }
    struct request rq = {.wish = {d->wish.at, d->wish.n},
                         .channel = d->channel,
                         .user = d->user[0] != '\0' ? d->user : d->auth.user,
                         .peer = d->peer,
                         .form = door_takes_body(d) ? RUN_MERGED_INPUT : RUN_MERGED};
    if (x->continues && exchange_continue(x) == -1) {
        x->close = true; /* it is gone */
        return true;
    }
    char run[SESSION_RUN_ID];
    session_new_run(run);
    x->ran = true;
    answer_start(&d->answer, x, body, door_takes_body(d), run, (int64_t)settings_number(&d->settings, HTTP_HOLD_MS));
    if (!session_serve(&d->session, &rq, run, &d->answer.client))
        x->close = true;
    return !d->answer.broken;
}

/* Reads the request's body, and where the credential is wrong lets its second pass. */
static void take_body(struct exchange *x, struct body *body, bool denied) {
    int64_t now = clock_now(), deadline = clock_after(now, denied ? LIMIT_DENIED_MS : LIMIT_BODY_WAIT_MS);
    /* A client that waits for a 100 and gets a refusal need not send its body, but may. */
    if (x->continues || !body_drop(body, deadline, LIMIT_BODY_WAIT_MS))
        x->close = x->rest = true;
    int64_t left = deadline - clock_now();
    if (denied && left > 0)
        poll(NULL, 0, (int)left);
}

void door_refuse(struct door *d, struct exchange *x, const struct gate_answer *g, struct body *body) {
    char fields[128] = "";
    if (g->reason != NULL)
        door_note(d, g->status, g->reason, g->login);
    take_body(x, body, g->status == 401);
    if (g->status == 401) {
        snprintf(fields, sizeof fields, "WWW-Authenticate: %s\r\n", auth_challenge(&d->auth));
    } else if (g->status == 405) {
        snprintf(fields, sizeof fields, "Allow: %s\r\n", g->allow);
    }
    const char *text = g->text != NULL    ? g->text
                       : g->status == 200   ? "ok\n"
                       : g->status == 401 ? "The credential is missing or wrong.\n"
                       : g->status == 403 ? "Requests that another site causes are refused.\n"
                       : g->status == 404 ? "There is nothing here.\n"
                       : g->status == 405 ? "This method is not allowed here.\n"
                       : g->status == 409 ? "Nothing was run: a request for a part of an answer (Range) repeats one whose transfer broke, "
                                            "which here means that the command failed.\n"
                                          : "Bad Request\n";
    if (exchange_reply(x, g->status, fields, text) == -1)
        x->close = true;
}

void door_patience(const struct exchange *x, int64_t *ms, int64_t *idle) {
    *ms = !x->rest ? LIMIT_DRAIN_MS : x->ran ? LIMIT_DRAIN_RAN_MS : LIMIT_DRAIN_REFUSED_MS;
    *idle = !x->rest ? LIMIT_DRAIN_MS : x->ran ? LIMIT_BODY_STALL_MS : LIMIT_DRAIN_REFUSED_IDLE_MS;
}
