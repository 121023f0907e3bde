#include "channel/door.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "core/audit.h"

static const char *fault_of(struct door *d, char *const *environment) {
    struct settings_places places = {environment, settings_folders};
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

bool door_run(struct door *d, struct exchange *x, struct body *body) {
    struct gate_answer g;
    if (lacks_wish(d, &g)) {
        x->close = x->close || body != NULL;
        door_refuse(d, x, &g);
        return true;
    }
    struct request rq = {.wish = {d->wish.at, d->wish.n},
                         .channel = d->channel,
                         .user = d->user[0] != '\0' ? d->user : d->auth.user,
                         .peer = d->peer,
                         .form = body != NULL ? RUN_MERGED_INPUT : RUN_MERGED};
    char run[SESSION_RUN_ID];
    session_new_run(run);
    answer_start(&d->answer, x, body, run, (int64_t)settings_number(&d->settings, HTTP_HOLD_MS));
    if (!session_serve(&d->session, &rq, run, &d->answer.client))
        x->close = true;
    return !d->answer.broken;
}

void door_close(struct door *d) {
    close(0);
    close(1);
    if (!d->faulty)
        session_close(&d->session);
}

void door_refuse(struct door *d, struct exchange *x, const struct gate_answer *g) {
    char fields[128] = "";
    if (g->reason != NULL)
        door_note(d, g->status, g->reason, g->login);
    if (g->status == 401) {
        poll(NULL, 0, LIMIT_DENIED_MS);
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
