/* response_end.c: how a response ends, and those that are whole at once. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/admission.h"
#include "http/response_parts.h"
#include "http/status.h"

/* Ends a message whose status line is out. Its missing end says that the command failed. */
static void end_stream(struct response *r, bool failed) {
    r->cut = failed;
    if (!r->cut && r->render.form != RENDER_NOT && !r->frontend.gone) {
        response_write_rest(r); /* so that there is room */
        response_append_rendered(r, render_tail);
        response_send_output(r);
    }
    /* A client that repeats a broken transfer asks for the rest of it (Range), by which it is known
     * and refused; but only if it has got at least a byte. */
    if (r->cut && !r->has_output && !r->frontend.gone && r->from == r->to) {
        r->frame[RESPONSE_DATA] = '\n';
        r->held = 1;
        response_send_output(r);
    }
    if (r->frontend.gone || r->cut) {
        r->reply->close = true;
        response_write_rest(r);
        return;
    }
    if (r->from == r->to)
        r->from = r->to = RESPONSE_DATA;
    if (r->reply->chunked) {
        response_append(r, "0\r\n");
        if (r->reply->trailers)
            response_append(r, "X-Bastion-Exit-Code: 0\r\n");
        response_append(r, "\r\n");
    }
    response_write_rest(r);
}

/* Sends the whole message: `fields` are complete lines; the body is what is held. */
static void send_whole(struct response *r, int status, const char *fields) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    response_append_head(r, &b, status);
    buf_text(&b, fields);
    reply_end_head(&b, r->reply, r->held);
    r->from = RESPONSE_DATA;
    r->to = RESPONSE_DATA + r->held;
    response_prepend(r, b.at, b.len);
    response_write_rest(r);
}

/* Says that the run goes on without its client. */
static void send_accepted(struct response *r) {
    struct buf b = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    char text[128];
    struct buf fields = BUF_ON(text);
    bool is_listed = r->has_about && r->about.is_listed;
    const char *what =
        r->has_about && r->about.state == RECORD_WAITING ? "waiting for its turn" : "running";
    if (is_listed)
        buf_format(&fields, "Location: " ADMISSION_RUNS_PATH "/%s\r\n", r->run);
    if (r->is_async)
        buf_text(&fields, "Preference-Applied: respond-async\r\n");
    if (r->reply->json) {
        render_head(&r->render, &b, &r->about);
        render_tail(&r->render, &b);
    } else if (is_listed) {
        buf_format(&b, "The command is %s: " ADMISSION_RUNS_PATH "/%s says how it ends.\n", what,
                   r->run);
    } else {
        buf_format(&b, "The command is %s: the log says how run %s ends.\n", what, r->run);
    }
    r->held = b.len;
    send_whole(r, 202, buf_string(&fields));
}

/* Tells a webhook's sender that the command runs. From here on it does so without a client. */
void response_answer_later(struct response *r) {
    if (r->frontend.gone)
        return;
    r->reply->close = true;
    send_accepted(r);
    r->is_answered = !r->frontend.gone;
    response_lose_client(r);
}

/* Sends the head alone. Its length is that of the body, where that is known. */
static void send_head(struct response *r, int status, const char *fields) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    response_append_head(r, &b, status);
    buf_text(&b, fields);
    if (!r->reply->json && r->has_about && record_is_over(&r->about))
        reply_end_head(&b, r->reply, (size_t)r->about.length);
    else
        buf_text(&b, "\r\n");
    r->from = r->to = RESPONSE_DATA;
    response_prepend(r, b.at, b.len);
    response_write_rest(r);
}

static void tell_left_out(struct response *r) {
    struct buf b = {.at = r->frame + RESPONSE_DATA + r->held, .cap = LIMIT_HELD - r->held};
    if (r->left_out > 0)
        buf_format(&b, "\n(%lld more bytes are left out here)\n", (long long)r->left_out);
    r->held += b.len;
}

/* Ends a message whose status line is not out yet. Where no command ran, what became of the request
 * is the body; of a run that is kept, its record has said it. */
static void end_held(struct response *r, const struct outcome *o) {
    struct buf b = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    char text[64];
    struct buf fields = BUF_ON(text);
    if (o->kind == OUTCOME_KEPT) {
        send_accepted(r);
        return;
    }
    r->reply->json = false;
    if (o->kind == OUTCOME_GONE || o->kind == OUTCOME_ERROR)
        buf_format(&b, "%s\n", status_text(500));
    else if (!r->has_about)
        outcome_tell(&b, o, "\n");
    if ((o->kind != OUTCOME_ENDED && o->kind != OUTCOME_TIMEOUT && !r->has_about) || b.len > 0)
        r->held = b.len;
    else
        tell_left_out(r);
    response_append_outcome(&fields, o->kind, o->code);
    r->reply->close = r->reply->close || o->kind == OUTCOME_GONE || o->kind == OUTCOME_ERROR;
    send_whole(r, response_status(o->kind, o->code, r->hook_ok), buf_string(&fields));
}

/* Reads the rest of the request for a while, since the next one stands behind it. */
static void drop_body_rest(struct response *r) {
    int64_t wait = r->frontend.gone || r->cut ? 0 : LIMIT_BODY_WAIT_MS;
    bool all = body_drop(r->body, clock_after(clock_now(), wait), wait);
    r->reply->unread = !all;
    r->reply->close = r->reply->close || !all;
}

/* Whether the message's end is to be missing. */
static bool has_failed(const struct response *r, const struct outcome *o) {
    if (r->has_length)
        return r->left != 0;
    if (r->render.form != RENDER_NOT) /* the monitor is gone, and the rest of it with it */
        return o->kind == OUTCOME_ERROR || o->kind == OUTCOME_GONE;
    return o->kind != OUTCOME_ENDED || o->code != 0;
}

/* What the record has said was before the end. */
static void note_end(struct response *r, enum outcome_kind kind) {
    if (kind == OUTCOME_ENDED || kind == OUTCOME_TIMEOUT || kind == OUTCOME_FAILED)
        r->about.state = RECORD_ENDED;
    else if (kind == OUTCOME_LOST)
        r->about.state = RECORD_LOST;
    r->about.kind = (uint8_t)kind;
}

void response_ended(struct frontend *f, const struct outcome *o) {
    struct response *r = response_of(f);
    if (r->has_about && o->kind != OUTCOME_KEPT)
        note_end(r, o->kind);
    if (o->run != NULL && o->run[0] != '\0')
        snprintf(r->run, sizeof r->run, "%s", o->run);
    r->hold_until = CLOCK_NEVER;
    f->input_closed = true;
    if (r->is_answered)
        return;
    if (f->gone) /* the monitor may have said so */
        response_lose_client(r);
    if (r->streaming) {
        end_stream(r, has_failed(r, o));
        drop_body_rest(r);
    } else if (!f->gone) {
        drop_body_rest(r);
        end_held(r, o);
    }
    if (f->gone)
        r->cut = r->reply->close = r->reply->lost = true;
}

void response_head(struct response *r) { send_head(r, 200, ""); }

void response_state(struct response *r, const struct record_about *about, bool is_kill) {
    struct buf b = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    char text[128];
    struct buf fields = BUF_ON(text);
    enum outcome_kind kind = record_outcome(about);
    response_record(&r->frontend, about);
    if (is_kill) {
        bool goes_on = !record_is_over(about);
        buf_format(&fields, "Location: " ADMISSION_RUNS_PATH "/%s\r\n", r->run);
        buf_text(&b, goes_on ? "The run is being ended.\n" : "The run has ended before.\n");
        r->held = b.len;
        send_whole(r, goes_on ? 202 : 200, buf_string(&fields));
        return;
    }
    response_append_outcome(&fields, kind, about->code);
    send_head(r, kind == OUTCOME_KEPT ? 200 : response_status(kind, about->code, false),
              buf_string(&fields));
}
