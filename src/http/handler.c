#include "http/handler.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/init_link.h"
#include "core/audit.h"

/* ---- the start ---- */

/* Returns NULL, or why no request can be served. */
static const char *open_handler(struct handler *h, char *const *environment) {
    bool is_cgi = strcmp(h->channel, "cgi") == 0;
    struct settings_places places = {environment, is_cgi ? settings_directories_of_guests
                                                         : settings_directories};
    const char *error =
        settings_start(&h->settings, &places, NEED_RUN | NEED_HTTP | NEED_ACCOUNT | NEED_RUN_DIR);
    auth_load(&h->auth, &h->settings);
    if (error != NULL)
        return error;
    if (session_open(&h->session, &h->settings, environment) == -1)
        return h->session.error;
    if (h->auth.scheme == AUTH_NONE)
        return "HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set, so nobody may run anything";
    return NULL;
}

void handler_open(struct handler *h, const char *channel, const char *peer,
                  char *const *environment) {
    signal(SIGPIPE, SIG_IGN);
    /* a command of the same account must not read the credential here (ptrace(2)) */
    prctl(PR_SET_DUMPABLE, 0);
    h->channel = channel;
    snprintf(h->peer, sizeof h->peer, "%s", peer);
    const char *error = open_handler(h, environment);
    h->unusable = error != NULL;
    if (h->unusable)
        audit_error(channel, h->peer, error);
}

/* ---- a request that may run the command ---- */

void handler_keep_command(struct handler *h, size_t count, struct slice value) {
    struct command_field *command = &h->command;
    command->count = count;
    if (h->session.policy.mode != POLICY_BROKER || count == 0)
        return;
    command->n = value.n < sizeof command->at ? value.n : sizeof command->at;
    memcpy(command->at, value.at, command->n);
}

/* Whether it is a broker's request that does not have exactly one X-Bastion-Command; *verdict
 * refuses it then. */
static bool lacks_command(const struct handler *h, struct admission_verdict *verdict) {
    *verdict = (struct admission_verdict){
        .status = 400,
        .reason =
            h->command.count == 0 ? "no X-Bastion-Command" : "more than one X-Bastion-Command",
        .text = "Bad Request: one X-Bastion-Command has to say what to run."};
    return h->session.policy.mode == POLICY_BROKER && h->command.count != 1;
}

bool handler_takes_body(const struct handler *h) {
    return settings_number(&h->settings, SETTING_HTTP_STDIN) == HTTP_STDIN_BODY;
}

/* Whether the body is longer than what may be dropped; *verdict refuses the request then. A body of
 * unknown length may turn out to be longer when the command runs already: it is read all the
 * same. */
static bool has_long_body(const struct handler *h, const struct body *body,
                          struct admission_verdict *verdict) {
    *verdict = (struct admission_verdict){
        .status = 413,
        .reason = "a body above " LIMIT_TEXT(LIMIT_DROPPED_BODY_MIB) " MiB, which the command does "
                                                                     "not take"};
    return !handler_takes_body(h) && body->length > LIMIT_DROPPED_BODY;
}

bool handler_run(struct handler *h, struct reply *reply, struct body *body) {
    struct admission_verdict verdict;
    init_link_known();
    if (lacks_command(h, &verdict) || has_long_body(h, body, &verdict)) {
        handler_refuse(h, reply, &verdict, body);
        return true;
    }
    bool is_input = handler_takes_body(h);
    struct request request = {.requested = {h->command.at, h->command.n},
                              .channel = h->channel,
                              .user = h->user[0] != '\0' ? h->user : h->auth.user,
                              .peer = h->peer,
                              .form = is_input ? RUN_MERGED_INPUT : RUN_MERGED};
    if (reply->expects_continue && reply_continue(reply) == -1) {
        reply->close = true; /* the client is gone */
        return true;
    }
    char run[SESSION_RUN_ID];
    session_new_run(run);
    reply->ran = true;
    response_start(&h->response, reply, body, is_input, run,
                   (int64_t)settings_number(&h->settings, SETTING_HTTP_HOLD_MS));
    if (!session_serve(&h->session, &request, run, &h->response.frontend))
        reply->close = true;
    return !h->response.cut;
}

/* ---- one that may not ---- */

void handler_log_refusal(struct handler *h, int status, const char *reason, bool failed_login) {
    char text[LIMIT_LOG_TEXT / 4];
    struct audit a = audit_denial(h->channel, h->peer, reason);
    enum init_link_answer answer = init_link_ask();
    if (answer == INIT_LINK_COUNTED)
        return;
    /* Of wrong credentials one connection has one a second at most (LIMIT_DENIED_MS). */
    if (answer == INIT_LINK_NOBODY && !failed_login
        && !rate_allows(&h->denials, LIMIT_DENIAL_LINES, clock_now()))
        return;
    if (h->denials.left_out > 0) {
        snprintf(text, sizeof text, "%s; %llu more were refused since the last such line", reason,
                 (unsigned long long)h->denials.left_out);
        a.reason = text;
        h->denials.left_out = 0;
    }
    a.event = failed_login ? "login" : a.event;
    a.user = h->user[0] != '\0' ? h->user : NULL;
    a.status = status;
    audit_write(&a);
}

void handler_log_left_out(struct handler *h) {
    char text[96] = "";
    struct audit a = audit_denial(h->channel, h->peer, text);
    if (h->denials.left_out == 0)
        return;
    snprintf(text, sizeof text, "%llu more were refused since the last such line",
             (unsigned long long)h->denials.left_out);
    audit_write(&a);
}

/* Reads the request's body and drops it; after a failed login until LIMIT_DENIED_MS have passed. */
static void drop_refused_body(struct reply *reply, struct body *body, bool failed_login) {
    int64_t deadline =
        clock_after(clock_now(), failed_login ? LIMIT_DENIED_MS : LIMIT_BODY_WAIT_MS);
    /* A client that waits for a 100 and gets a refusal need not send its body, but may. */
    if (reply->expects_continue || !body_drop(body, deadline, LIMIT_BODY_WAIT_MS))
        reply->close = reply->unread = true;
    int64_t left = deadline - clock_now();
    if (failed_login && left > 0)
        poll(NULL, 0, (int)left);
}

void handler_refuse(struct handler *h, struct reply *reply, const struct admission_verdict *verdict,
                    struct body *body) {
    char fields[128] = "";
    if (verdict->reason != NULL)
        handler_log_refusal(h, verdict->status, verdict->reason, verdict->failed_login);
    drop_refused_body(reply, body, verdict->status == 401);
    if (verdict->status == 401)
        snprintf(fields, sizeof fields, "WWW-Authenticate: %s\r\n", auth_challenge(&h->auth));
    else if (verdict->status == 405)
        snprintf(fields, sizeof fields, "Allow: %s\r\n", verdict->allow);
    if (reply_send(reply, verdict->status, fields, verdict->text) == -1)
        reply->close = true;
}

/* ---- the end ---- */

void handler_drain_time(const struct reply *reply, int64_t *ms, int64_t *idle) {
    if (!reply->unread)
        *ms = *idle = LIMIT_DRAIN_MS;
    else if (reply->ran)
        *ms = LIMIT_DRAIN_RAN_MS, *idle = LIMIT_BODY_STALL_MS;
    else
        *ms = LIMIT_DRAIN_REFUSED_MS, *idle = LIMIT_DRAIN_REFUSED_IDLE_MS;
}
