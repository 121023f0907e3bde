#include "http/runs_serve.h"

#include "base/clock.h"

/* What is sent where the monitor has said what the record says, or that there is none. */
static bool serve_state(struct handler *h, struct slice run, bool is_kill, struct reply *reply,
                        struct body *body) {
    struct record_about about;
    struct admission_verdict verdict = {.status = 500};
    switch (front_ask_record(h->front, is_kill ? MESSAGE_FOLLOW_KILL : MESSAGE_FOLLOW_STATE, run,
                             &about)) {
    case FRONT_ADMITTED:
        response_start(&h->response, reply, body, false, 0);
        if (!body_drop(body, clock_after(clock_now(), LIMIT_BODY_WAIT_MS), LIMIT_BODY_WAIT_MS))
            reply->unread = reply->close = true;
        reply->json = h->preferences.json && !is_kill;
        response_state(&h->response, &about, is_kill);
        return true;
    case FRONT_DENIED:
        verdict = (struct admission_verdict){.status = 404, .text = "There is no such run."};
        break;
    case FRONT_NOBODY: break;
    }
    handler_refuse(h, reply, &verdict, body);
    return true;
}

bool runs_serve(struct handler *h, struct slice path, struct slice method, struct reply *reply,
                struct body *body) {
    struct slice run;
    admission_is_runs_path(path, &run);
    if (slice_is(method, "DELETE"))
        return serve_state(h, run, true, reply, body);
    if (!reply->head_only)
        return handler_follow(h, reply, body, run);
    if (run.n > 0)
        return serve_state(h, run, false, reply, body);
    reply->json = h->preferences.json;
    response_start(&h->response, reply, body, false, 0);
    response_head(&h->response);
    return true;
}
