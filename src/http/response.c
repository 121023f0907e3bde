#include "http/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/peer.h"
#include "http/admission.h"
#include "http/status.h"

static struct response *response_of(struct frontend *f) { return (struct response *)(void *)f; }

/* ---- the frame: what is written to the client ---- */

/* The client is gone: what was meant for it is dropped. */
static void lose_client(struct response *r) {
    r->frontend.gone = true;
    r->from = r->to = r->held = 0;
}

/* Writes as much of the frame as the client takes now. */
static void flush_frame(struct response *r) {
    while (r->from < r->to) {
        ssize_t n = write(r->reply->out, r->frame + r->from, r->to - r->from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            lose_client(r);
            return;
        }
        r->from += (size_t)n;
        r->stall.at = CLOCK_NEVER; /* set anew by response_watch */
    }
    r->from = r->to = r->held = 0;
}

static void prepend_to_frame(struct response *r, const char *bytes, size_t n) {
    r->from -= n;
    memcpy(r->frame + r->from, bytes, n);
}

static void append_to_frame(struct response *r, const char *text) {
    size_t n = strlen(text);
    memcpy(r->frame + r->to, text, n);
    r->to += n;
}

/* Makes the output in the frame the next thing to write, as a chunk where the message is
 * chunked. */
static void frame_output(struct response *r) {
    r->from = RESPONSE_DATA;
    r->to = RESPONSE_DATA + r->held;
    if (r->held > 0 && r->reply->chunked) {
        char line[CHUNK_HEAD];
        size_t n = chunk_head(line, r->held);
        prepend_to_frame(r, line + CHUNK_HEAD - n, n);
        append_to_frame(r, "\r\n");
    }
}

static void send_output(struct response *r) {
    if (r->frontend.gone) {
        r->held = 0;
        return;
    }
    frame_output(r);
    flush_frame(r);
}

/* The status and the fields that every response to a run has. */
static void append_head(struct response *r, struct buf *b, int status) {
    reply_head(b, r->reply, status);
    if (r->run[0] != '\0')
        buf_format(b, "X-Bastion-Run: %s\r\n", r->run);
    if (r->has_about)
        buf_format(b, "X-Bastion-State: %s\r\n", render_state(&r->about));
}

/* The status of a run whose outcome is that. */
static int status_of(enum outcome_kind kind, int code, bool hook_ok) {
    switch (kind) {
    case OUTCOME_ENDED:
    case OUTCOME_TIMEOUT:
    case OUTCOME_FAILED: return code == 0 || hook_ok ? 200 : 422;
    case OUTCOME_FORBIDDEN:
    case OUTCOME_DENIED: return 403;
    case OUTCOME_SKIPPED: return 200;
    case OUTCOME_BUSY: return 429;
    case OUTCOME_FULL: return 503;
    case OUTCOME_KEPT: return 202;
    case OUTCOME_UNKNOWN: return 404;
    case OUTCOME_LOST: return 422;
    case OUTCOME_GONE:
    case OUTCOME_ERROR: break;
    }
    return 500;
}

/* The fields that go with that. */
static void append_outcome(struct buf *b, enum outcome_kind kind, int code) {
    if (kind == OUTCOME_ENDED || kind == OUTCOME_TIMEOUT || kind == OUTCOME_FAILED)
        buf_format(b, "X-Bastion-Exit-Code: %d\r\n", code);
    else if (kind == OUTCOME_FORBIDDEN || kind == OUTCOME_DENIED)
        buf_text(b, "X-Bastion-Exit-Code: 126\r\n");
    else if (kind == OUTCOME_SKIPPED)
        buf_text(b, "X-Bastion-Skipped: 1\r\n");
    else if (kind == OUTCOME_BUSY || kind == OUTCOME_FULL)
        buf_text(b, "Retry-After: " LIMIT_TEXT(LIMIT_RETRY_AFTER_S) "\r\n");
}

static bool is_over(const struct record_about *about) {
    return about->state != RECORD_WAITING && about->state != RECORD_RUNNING;
}

/* What the record says of it. */
static enum outcome_kind kind_of(const struct record_about *about) {
    return about->state == RECORD_ENDED ? (enum outcome_kind)about->kind
           : is_over(about)             ? OUTCOME_LOST
                                        : OUTCOME_KEPT;
}

static void answer_hook_later(struct response *r);

/* The command may run for long: sends the status line, and the output that is held. */
static void begin_streaming(struct response *r) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    r->hold_until = CLOCK_NEVER;
    if (r->is_hook) {
        answer_hook_later(r);
        return;
    }
    r->streaming = true;
    r->beat_at = clock_after(clock_now(), r->beat_ms);
    if (r->frontend.gone)
        return;
    peer_probe(r->reply->out, LIMIT_PROBE_IDLE_S, LIMIT_PROBE_S, LIMIT_PROBES);
    if (!r->reply->chunked)
        r->reply->close = true; /* the message ends with the connection */
    append_head(r, &b, 200);
    if (r->reply->chunked) {
        buf_text(&b, "Transfer-Encoding: chunked\r\n");
        if (r->reply->trailers)
            buf_text(&b, "Trailer: X-Bastion-Exit-Code\r\n");
    }
    buf_text(&b, "\r\n");
    frame_output(r);
    prepend_to_frame(r, b.at, b.len);
    flush_frame(r);
}

/* ---- a run whose record says more than that it goes on, and JSON ---- */

static void append_rendered(struct response *r, void (*put)(struct render *, struct buf *)) {
    struct buf b = {.at = r->frame + RESPONSE_DATA + r->held, .cap = LIMIT_HELD - r->held};
    put(&r->render, &b);
    r->held += b.len;
}

static void put_piece(struct render *render, struct buf *b) { render_piece(render, b, false); }

/* Begins a message whose status is known: of a run that has ended, or as JSON. */
static void begin_known(struct response *r) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text), body = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    enum outcome_kind kind = r->has_about ? kind_of(&r->about) : OUTCOME_ENDED;
    int status = kind == OUTCOME_KEPT ? 200 : status_of(kind, r->about.code, r->hook_ok);
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
    append_head(r, &b, status);
    if (r->has_about)
        append_outcome(&b, kind, r->about.code);
    r->left = r->about.length;
    if (r->has_length)
        reply_end_head(&b, r->reply, (size_t)r->left);
    else
        buf_text(&b, r->reply->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    render_head(&r->render, &body, &r->about);
    r->held = body.len;
    frame_output(r);
    prepend_to_frame(r, b.at, b.len);
    flush_frame(r);
}

static void response_record(struct frontend *f, const struct record_about *about) {
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
    if (r->render.form != RENDER_NOT || (r->has_about && is_over(&r->about) && !r->is_hook)) {
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
        append_rendered(r, put_piece);
    } else {
        r->held += n;
        r->left -= r->has_length ? (int64_t)n : 0;
    }
    r->has_output = true;
    r->beat_at = clock_after(clock_now(), r->beat_ms);
    if (r->streaming || f->gone)
        send_output(r);
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
        lose_client(r);
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
        lose_client(r);
    if (fds[1].revents & POLLOUT)
        flush_frame(r);
    if (r->from < r->to && peer_stalled(&r->stall, r->reply->out, now))
        lose_client(r);
    if (now >= r->hold_until)
        begin_streaming(r);
    if (beats(r) && now >= r->beat_at) {
        r->frame[RESPONSE_DATA] = '\n';
        r->held = 1;
        r->has_output = true;
        r->beat_at = clock_after(now, r->beat_ms);
        send_output(r);
    }
}

/* Writes what is left in the frame, as long as the client takes it. */
static void write_rest(struct response *r) {
    flush_frame(r);
    while (r->from < r->to) {
        struct pollfd fds[FRONTEND_FDS];
        int64_t now = clock_now();
        int64_t deadline = response_watch(&r->frontend, fds, now);
        struct timespec ts;
        if (ppoll(fds, FRONTEND_FDS, clock_left(deadline, now, &ts), NULL) >= 0)
            response_ready(&r->frontend, fds, clock_now());
    }
}

/* ---- the end ---- */

/* Ends a message whose status line is out. Its missing end says that the command failed. */
static void end_stream(struct response *r, bool failed) {
    r->cut = failed;
    if (!r->cut && r->render.form != RENDER_NOT && !r->frontend.gone) {
        write_rest(r); /* so that there is room */
        append_rendered(r, render_tail);
        send_output(r);
    }
    /* A client that repeats a broken transfer asks for the rest of it (Range), by which it is known
     * and refused; but only if it has got at least a byte. */
    if (r->cut && !r->has_output && !r->frontend.gone && r->from == r->to) {
        r->frame[RESPONSE_DATA] = '\n';
        r->held = 1;
        send_output(r);
    }
    if (r->frontend.gone || r->cut) {
        r->reply->close = true;
        write_rest(r);
        return;
    }
    if (r->from == r->to)
        r->from = r->to = RESPONSE_DATA;
    if (r->reply->chunked) {
        append_to_frame(r, "0\r\n");
        if (r->reply->trailers)
            append_to_frame(r, "X-Bastion-Exit-Code: 0\r\n");
        append_to_frame(r, "\r\n");
    }
    write_rest(r);
}

/* Sends the whole message: `fields` are complete lines; the body is what is held. */
static void send_whole(struct response *r, int status, const char *fields) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    append_head(r, &b, status);
    buf_text(&b, fields);
    reply_end_head(&b, r->reply, r->held);
    r->from = RESPONSE_DATA;
    r->to = RESPONSE_DATA + r->held;
    prepend_to_frame(r, b.at, b.len);
    write_rest(r);
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
static void answer_hook_later(struct response *r) {
    if (r->frontend.gone)
        return;
    r->reply->close = true;
    send_accepted(r);
    r->is_answered = !r->frontend.gone;
    lose_client(r);
}

/* Sends the head alone. Its length is that of the body, where that is known. */
static void send_head(struct response *r, int status, const char *fields) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    append_head(r, &b, status);
    buf_text(&b, fields);
    if (!r->reply->json && r->has_about && is_over(&r->about))
        reply_end_head(&b, r->reply, (size_t)r->about.length);
    else
        buf_text(&b, "\r\n");
    r->from = r->to = RESPONSE_DATA;
    prepend_to_frame(r, b.at, b.len);
    write_rest(r);
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
    append_outcome(&fields, o->kind, o->code);
    r->reply->close = r->reply->close || o->kind == OUTCOME_GONE || o->kind == OUTCOME_ERROR;
    send_whole(r, status_of(o->kind, o->code, r->hook_ok), buf_string(&fields));
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

static void response_ended(struct frontend *f, const struct outcome *o) {
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
        lose_client(r);
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

void response_head(struct response *r) { send_head(r, 200, ""); }

void response_state(struct response *r, const struct record_about *about, bool is_kill) {
    struct buf b = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    char text[128];
    struct buf fields = BUF_ON(text);
    enum outcome_kind kind = kind_of(about);
    response_record(&r->frontend, about);
    if (is_kill) {
        bool goes_on = !is_over(about);
        buf_format(&fields, "Location: " ADMISSION_RUNS_PATH "/%s\r\n", r->run);
        buf_text(&b, goes_on ? "The run is being ended.\n" : "The run has ended before.\n");
        r->held = b.len;
        send_whole(r, goes_on ? 202 : 200, buf_string(&fields));
        return;
    }
    append_outcome(&fields, kind, about->code);
    send_head(r, kind == OUTCOME_KEPT ? 200 : status_of(kind, about->code, false),
              buf_string(&fields));
}
