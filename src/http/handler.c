#include "http/handler.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* ---- a request that may run the command ---- */

void handler_keep_command(struct handler *h, size_t count, struct slice value) {
    h->commands = count;
    if (count == 0)
        return;
    h->command_n = value.n < sizeof h->command ? value.n : sizeof h->command;
    memcpy(h->command, value.at, h->command_n);
}

/* Whether it is a broker's request that does not have exactly one X-Bastion-Command; *verdict
 * refuses it then. */
static bool lacks_command(const struct handler *h, struct admission_verdict *verdict) {
    *verdict = (struct admission_verdict){
        .status = 400,
        .reason = h->commands == 0 ? "no X-Bastion-Command" : "more than one X-Bastion-Command",
        .text = "Bad Request: one X-Bastion-Command has to say what to run."};
    return h->terms.admitted.is_broker && h->commands != 1;
}

struct admission_verdict handler_login(struct handler *h, struct slice authorization,
                                       bool may_run) {
    bool plain = h->commands <= 1 && !h->preferences.async && !h->preferences.json;
    const struct slice asked = {h->commands == 1 ? h->command : NULL,
                                h->commands == 1 ? h->command_n : 0};
    switch (front_login(h->front, authorization, may_run && plain, asked, &h->terms)) {
    case FRONT_ADMITTED: return (struct admission_verdict){.status = 0};
    case FRONT_DENIED: return (struct admission_verdict){.status = 401};
    case FRONT_NOBODY: break;
    }
    return (struct admission_verdict){.status = 500};
}

bool handler_takes_body(const struct handler *h) { return h->terms.admitted.takes_input; }

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

/* The response has been started. */
static bool run(struct handler *h, struct reply *reply, const struct front_request *request) {
    reply->ran = true;
    front_run(h->front, request, &h->response.frontend);
    if (h->front->is_last)
        reply->close = true;
    return !h->response.cut;
}

static void heed_preferences(struct handler *h, struct front_request *request) {
    const struct preferences *w = &h->preferences;
    if (w->async && (w->wait_ms == 0 || w->json)) {
        request->way = MESSAGE_RUN_ASYNC;
    } else if (w->async) {
        request->way = MESSAGE_RUN_KEPT;
        h->response.is_hook = true;
        h->response.hold_ms = w->wait_ms;
    }
    h->response.is_async = w->async;
    if (w->json) {
        request->way |= MESSAGE_RUN_WHOLE;
        response_render(&h->response, RENDER_RUN);
    }
}

bool handler_run(struct handler *h, struct reply *reply, struct body *body) {
    struct admission_verdict verdict;
    if (lacks_command(h, &verdict) || has_long_body(h, body, &verdict)) {
        handler_refuse(h, reply, &verdict, body);
        return true;
    }
    bool is_input = handler_takes_body(h);
    struct front_request request = {.runs = h->terms.admitted.runs,
                                    .form = is_input ? RUN_MERGED_INPUT : RUN_MERGED};
    if (h->terms.admitted.is_broker)
        request.requested = (struct slice){h->command, h->command_n};
    if (reply->expects_continue && reply_continue(reply) == -1) {
        reply->close = true; /* the client is gone */
        return true;
    }
    response_start(&h->response, reply, body, is_input, h->terms.admitted.hold_ms);
    h->response.beat_ms = h->terms.admitted.heartbeat_ms;
    if (!is_input) /* which ends with its client */
        heed_preferences(h, &request);
    return run(h, reply, &request);
}

bool handler_run_hook(struct handler *h, struct reply *reply, struct body *body) {
    const struct front_request request = {.form = RUN_MERGED};
    response_start(&h->response, reply, body, false, LIMIT_HOOK_HOLD_MS);
    h->response.is_hook = true;
    h->response.hook_ok = h->terms.admitted.hook_ok != 0;
    return run(h, reply, &request);
}

bool handler_follow(struct handler *h, struct reply *reply, struct body *body, struct slice run) {
    struct response *r = &h->response;
    bool json = h->preferences.json;
    if (reply->expects_continue && reply_continue(reply) == -1) {
        reply->close = true;
        return true;
    }
    response_start(r, reply, body, false, h->terms.admitted.hold_ms);
    r->beat_ms = h->terms.admitted.heartbeat_ms;
    if (json || run.n == 0)
        response_render(r, run.n > 0 ? RENDER_RUN : json ? RENDER_LIST_JSON : RENDER_LIST);
    if (run.n == 0)
        front_runs(h->front, &r->frontend);
    else
        front_follow(h->front, json ? MESSAGE_FOLLOW_NOW : MESSAGE_FOLLOW_OUTPUT, run,
                     &r->frontend);
    if (h->front->is_last)
        reply->close = true;
    return !r->cut;
}

/* ---- one that may not ---- */

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
    char fields[sizeof h->front->ready_text + 32] = "";
    if (verdict->reason != NULL)
        front_note_refusal(h->front, verdict->status, verdict->reason);
    drop_refused_body(reply, body, verdict->status == 401);
    if (verdict->status == 401)
        snprintf(fields, sizeof fields, "WWW-Authenticate: %s\r\n", h->front->ready_text);
    else if (verdict->status == 405)
        snprintf(fields, sizeof fields, "Allow: %s\r\n", verdict->allow);
    if (verdict->status == 500)
        reply->close = true;
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
