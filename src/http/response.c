#include "http/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/peer.h"
#include "http/response_parts.h"

/* ---- its beginning ---- */

/* The command may run for long: sends the status line, and the output that is held. */
static void begin_streaming(struct response *r) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    r->hold_until = CLOCK_NEVER;
    if (r->is_hook) {
        response_answer_later(r);
        return;
    }
    r->streaming = true;
    r->beat_at = clock_after(clock_now(), r->beat_ms);
    if (r->frontend.gone)
        return;
    peer_probe(r->reply->out, LIMIT_PROBE_IDLE_S, LIMIT_PROBE_S, LIMIT_PROBES);
    if (!r->reply->chunked)
        r->reply->close = true; /* the message ends with the connection */
    response_append_head(r, &b, 200);
    if (r->reply->chunked) {
        buf_text(&b, "Transfer-Encoding: chunked\r\n");
        if (r->reply->trailers)
            buf_text(&b, "Trailer: X-Bastion-Exit-Code\r\n");
    }
    buf_text(&b, "\r\n");
    response_frame_output(r);
    response_prepend(r, b.at, b.len);
    response_flush(r);
}

/* ---- a run whose record says more than that it goes on, and JSON ---- */

static void put_piece(struct render *render, struct buf *b) { render_piece(render, b, false); }

/* Begins a message whose status is known: of a run that has ended, or as JSON. */
static void begin_known(struct response *r) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text), body = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    enum outcome_kind kind = r->has_about ? record_outcome(&r->about) : OUTCOME_ENDED;
    int status = kind == OUTCOME_KEPT ? 200 : response_status(kind, r->about.code, r->hook_ok);
    r->hold_until = CLOCK_NEVER;
    r->streaming = true;
    r->beat_ms = 0;
    if (r->frontend.gone)
        return;
    peer_probe(r->reply->out, LIMIT_PROBE_IDLE_S, LIMIT_PROBE_S, LIMIT_PROBES);
    r->has_length = r->render.form == RENDER_NOT;
    if (r->has_length)
        r->reply->chunked = false;
    else if (!r->reply->chunked)
        r->reply->close = true; /* the message ends with the connection */
    response_append_head(r, &b, status);
    if (r->has_about)
        response_append_outcome(&b, kind, r->about.code);
    r->left = r->about.length;
    if (r->has_length)
        reply_end_head(&b, r->reply, (size_t)r->left);
    else
        buf_text(&b, r->reply->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    render_head(&r->render, &body, &r->about);
    r->held = body.len;
    response_frame_output(r);
    response_prepend(r, b.at, b.len);
    response_flush(r);
}

void response_record(struct frontend *f, const struct record_about *about) {
    struct response *r = response_of(f);
    r->about = *about;
    r->has_about = true;
    snprintf(r->run, sizeof r->run, "%.16s", about->run);
}

/* ---- what the session calls ---- */

static void response_started(struct frontend *f, const char *run) {
    struct response *r = response_of(f);
    snprintf(r->run, sizeof r->run, "%s", run);
    if (r->render.form == RENDER_RUN && !r->has_about) { /* there is no room for a record */
        r->render.form = RENDER_NOT;
        r->reply->json = false;
    }
    if (r->render.form != RENDER_NOT
        || (r->has_about && record_is_over(&r->about) && !r->is_hook)) {
        begin_known(r);
        return;
    }
    int64_t hold = r->hold_ms;
    if (r->has_about && !r->is_hook) /* it runs already */
        hold = r->about.ms < hold ? hold - r->about.ms : 0;
    r->hold_until = clock_after(clock_now(), hold);
    if (hold == 0)
        begin_streaming(r);
}

static size_t response_room(struct frontend *f, int stream, char **at) {
    struct response *r = response_of(f);
    (void)stream; /* there is but one: error and output are merged */
    if (r->render.form != RENDER_NOT) {
        *at = r->render.piece + r->render.n;
        return r->from < r->to ? 0 : sizeof r->render.piece - r->render.n;
    }
    *at = r->frame + RESPONSE_DATA + r->held;
    return r->from < r->to ? 0 : LIMIT_HELD - r->held;
}

/* Of a long output a webhook's sender gets the beginning: what is behind it is not waited for. */
static void bound_output(struct response *r) {
    if (r->held <= LIMIT_HOOK_OUTPUT)
        return;
    r->left_out += (int64_t)(r->held - LIMIT_HOOK_OUTPUT);
    r->held = LIMIT_HOOK_OUTPUT;
}

static void response_output(struct frontend *f, int stream, size_t n) {
    struct response *r = response_of(f);
    (void)stream;
    if (r->render.form != RENDER_NOT) {
        r->render.n += n;
        response_append_rendered(r, put_piece);
    } else {
        r->held += n;
        r->left -= r->has_length ? (int64_t)n : 0;
    }
    r->has_output = true;
    r->beat_at = clock_after(clock_now(), r->beat_ms);
    if (r->streaming || f->gone)
        response_send_output(r);
    else if (r->is_hook)
        bound_output(r);
    else if (r->held == LIMIT_HELD)
        begin_streaming(r);
}

static int64_t response_unsent(struct frontend *f) {
    struct response *r = response_of(f);
    return (int64_t)(r->from < r->to ? r->to - r->from : r->held) + peer_unsent(r->reply->out);
}

static size_t response_input(struct frontend *f, const char **at) {
    struct response *r = response_of(f);
    if (f->input_closed || !body_next(r->body))
        return 0;
    *at = r->body->content.at;
    return r->body->content.n;
}

static void response_taken(struct frontend *f, size_t n) { body_taken(response_of(f)->body, n); }

static bool response_input_ended(const struct frontend *f) {
    const struct body *b = ((const struct response *)(const void *)f)->body;
    return b->bad || body_ended(b);
}

/* Whether more of the request's body is to be read. What the command does not take is read all the
 * same, and dropped: most clients send all of their request before they read a byte of the
 * response. */
static bool wants_body(struct response *r) {
    if (r->frontend.input_closed)
        body_skip(r->body);
    return !r->half_closed && !r->body->bad && r->body->content.n == 0 && !body_ended(r->body);
}

/* Whether an empty line is sent when nothing else is: some proxies end an answer that is silent. */
static bool beats(const struct response *r) {
    return r->beat_ms > 0 && r->streaming && !r->frontend.gone && r->from == r->to;
}

static int64_t response_watch(struct frontend *f, struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct response *r = response_of(f);
    bool pending = r->from < r->to, reading = wants_body(r);
    bool look = !f->gone && !r->half_closed && (reading || r->reply->form == REPLY_HTTP);
    fds[0] = (struct pollfd){.fd = look ? r->body->in->fd : -1,
                             .events = (short)(reading ? POLLIN | POLLRDHUP : POLLRDHUP)};
    fds[1] = (struct pollfd){.fd = f->gone ? -1 : r->reply->out, .events = pending ? POLLOUT : 0};
    fds[2] = (struct pollfd){.fd = -1};
    int64_t stall_at = peer_stall_watch(&r->stall, r->reply->out, pending, now);
    if (!reading || f->input_closed) /* what is dropped may come as slowly as it likes */
        r->body_stall_at = CLOCK_NEVER;
    else if (r->body_stall_at == CLOCK_NEVER)
        r->body_stall_at = clock_after(now, LIMIT_BODY_STALL_MS);
    int64_t beat_at = beats(r) ? r->beat_at : CLOCK_NEVER;
    return clock_earlier(clock_earlier(r->hold_until, beat_at),
                         clock_earlier(stall_at, r->body_stall_at));
}

/* The client closed its sending side. If it did so right behind its request, as netcat does, it may
 * still read: probes, and the head of the response, will show whether it is there, since what is
 * sent to a closed socket is answered by a reset. If it had waited first, it is gone. */
static void half_close(struct response *r, int64_t now) {
    r->half_closed = true;
    if (r->reply->form == REPLY_CGI)
        return; /* it is the web server that ended, which alone knows about the client */
    if (now >= r->half_close_until)
        response_lose_client(r);
    else
        peer_probe(r->reply->out, 1, 1, 2);
}

/* Reads on in the request, or sees its end. */
static void receive_body(struct response *r, short revents, int64_t now) {
    ssize_t n = revents & POLLIN ? body_read(r->body) : 0;
    if (n > 0) {
        r->body_stall_at = CLOCK_NEVER;
        r->half_close_until = clock_after(now, LIMIT_HALF_CLOSE_MS);
    } else if (n == 0) {
        half_close(r, now);
        if (!body_ended(r->body))
            r->body->bad = true;
    }
}

static void response_ready(struct frontend *f, const struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct response *r = response_of(f);
    if (fds[0].revents != 0)
        receive_body(r, fds[0].revents, now);
    if (now >= r->body_stall_at)
        r->body->bad = true;
    if (!f->input_closed)
        body_next(r->body); /* finds errors of its coding */
    /* A client whose body breaks off counts as gone: the command must not take the part for the
     * whole. */
    if ((fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0
        || (r->body->bad && !f->input_closed))
        response_lose_client(r);
    if (fds[1].revents & POLLOUT)
        response_flush(r);
    if (r->from < r->to && peer_stalled(&r->stall, r->reply->out, now))
        response_lose_client(r);
    if (now >= r->hold_until)
        begin_streaming(r);
    if (beats(r) && now >= r->beat_at) {
        r->frame[RESPONSE_DATA] = '\n';
        r->held = 1;
        r->has_output = true;
        r->beat_at = clock_after(now, r->beat_ms);
        response_send_output(r);
    }
}

/* Writes what is left in the frame, as long as the client takes it. */
void response_write_rest(struct response *r) {
    response_flush(r);
    while (r->from < r->to) {
        struct pollfd fds[FRONTEND_FDS];
        int64_t now = clock_now();
        int64_t deadline = response_watch(&r->frontend, fds, now);
        struct timespec ts;
        if (ppoll(fds, FRONTEND_FDS, clock_left(deadline, now, &ts), NULL) >= 0)
            response_ready(&r->frontend, fds, clock_now());
    }
}

void response_start(struct response *r, struct reply *reply, struct body *body, bool is_input,
                    int64_t hold_ms) {
    static const struct frontend_ops ops = {response_started,     response_room,  response_output,
                                            response_unsent,      response_input, response_taken,
                                            response_input_ended, response_watch, response_ready,
                                            response_ended,       response_record};
    r->frontend = (struct frontend){.ops = &ops, .input_closed = !is_input};
    r->reply = reply;
    r->body = body;
    r->run[0] = '\0';
    r->hold_ms = hold_ms;
    r->half_close_until = clock_after(clock_now(), LIMIT_HALF_CLOSE_MS);
    r->hold_until = r->stall.at = r->body_stall_at = CLOCK_NEVER;
    r->streaming = r->has_output = r->cut = r->half_closed = false;
    r->is_hook = r->hook_ok = r->is_answered = r->is_async = false;
    r->has_about = r->has_length = false;
    r->render.form = RENDER_NOT;
    r->beat_ms = 0;
    r->left_out = 0;
    r->held = r->from = r->to = 0;
}

void response_render(struct response *r, enum render_form form) {
    render_start(&r->render, form);
    r->reply->json = form != RENDER_LIST;
}
