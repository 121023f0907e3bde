#include "http/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/peer.h"
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

/* ---- what the session calls ---- */

static void response_started(struct frontend *f, const char *run) {
    struct response *r = response_of(f);
    snprintf(r->run, sizeof r->run, "%s", run);
    r->hold_until = clock_after(clock_now(), r->hold_ms);
    if (r->hold_ms == 0)
        begin_streaming(r);
}

static size_t response_room(struct frontend *f, int stream, char **at) {
    struct response *r = response_of(f);
    (void)stream; /* there is but one: error and output are merged */
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
    r->held += n;
    r->has_output = true;
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
    return clock_earlier(r->hold_until, clock_earlier(stall_at, r->body_stall_at));
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
static void end_stream(struct response *r, int code) {
    r->cut = code != 0;
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

/* Tells a webhook's sender that the command runs. From here on it does so without a client. */
static void answer_hook_later(struct response *r) {
    struct buf b = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    if (r->frontend.gone)
        return;
    buf_format(&b, "The command is running: the log says how run %s ends.\n", r->run);
    r->held = b.len;
    r->reply->close = true;
    send_whole(r, 202, "");
    r->is_answered = !r->frontend.gone;
    lose_client(r);
}

static void tell_left_out(struct response *r) {
    struct buf b = {.at = r->frame + RESPONSE_DATA + r->held, .cap = LIMIT_HELD - r->held};
    if (r->left_out > 0)
        buf_format(&b, "\n(%lld more bytes are left out here)\n", (long long)r->left_out);
    r->held += b.len;
}

/* Ends a message whose status line is not out yet. `code` is the field with the exit code. Where no
 * command ran, what became of the request is the body. */
static void end_held(struct response *r, const struct outcome *o, const char *code) {
    struct buf b = {.at = r->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    if (o->kind == OUTCOME_GONE || o->kind == OUTCOME_ERROR)
        buf_format(&b, "%s\n", status_text(500));
    else
        outcome_tell(&b, o, "\n");
    if (o->kind != OUTCOME_ENDED && o->kind != OUTCOME_TIMEOUT)
        r->held = b.len;
    else
        tell_left_out(r);
    switch (o->kind) {
    case OUTCOME_ENDED:
    case OUTCOME_TIMEOUT:
    case OUTCOME_FAILED: send_whole(r, o->code == 0 || r->hook_ok ? 200 : 422, code); break;
    case OUTCOME_FORBIDDEN:
    case OUTCOME_DENIED: send_whole(r, 403, "X-Bastion-Exit-Code: 126\r\n"); break;
    case OUTCOME_SKIPPED: send_whole(r, 200, "X-Bastion-Skipped: 1\r\n"); break;
    case OUTCOME_BUSY:
        send_whole(r, 429, "Retry-After: " LIMIT_TEXT(LIMIT_RETRY_AFTER_S) "\r\n");
        break;
    case OUTCOME_GONE:
    case OUTCOME_ERROR:
        r->reply->close = true;
        send_whole(r, 500, "");
        break;
    }
}

/* Reads the rest of the request for a while, since the next one stands behind it. */
static void drop_body_rest(struct response *r) {
    int64_t wait = r->frontend.gone || r->cut ? 0 : LIMIT_BODY_WAIT_MS;
    bool all = body_drop(r->body, clock_after(clock_now(), wait), wait);
    r->reply->unread = !all;
    r->reply->close = r->reply->close || !all;
}

static void response_ended(struct frontend *f, const struct outcome *o) {
    struct response *r = response_of(f);
    char code[64];
    snprintf(code, sizeof code, "X-Bastion-Exit-Code: %d\r\n", o->code);
    if (o->run != NULL)
        snprintf(r->run, sizeof r->run, "%s", o->run);
    r->hold_until = CLOCK_NEVER;
    f->input_closed = true;
    if (r->is_answered)
        return;
    if (f->gone) /* the monitor may have said so */
        lose_client(r);
    if (r->streaming) {
        end_stream(r, o->code);
        drop_body_rest(r);
    } else if (!f->gone) {
        drop_body_rest(r);
        end_held(r, o, code);
    }
    if (f->gone)
        r->cut = r->reply->close = r->reply->lost = true;
}

void response_start(struct response *r, struct reply *reply, struct body *body, bool is_input,
                    int64_t hold_ms) {
    static const struct frontend_ops ops = {
        response_started, response_room,        response_output, response_unsent, response_input,
        response_taken,   response_input_ended, response_watch,  response_ready,  response_ended};
    r->frontend = (struct frontend){.ops = &ops, .input_closed = !is_input};
    r->reply = reply;
    r->body = body;
    r->run[0] = '\0';
    r->hold_ms = hold_ms;
    r->half_close_until = clock_after(clock_now(), LIMIT_HALF_CLOSE_MS);
    r->hold_until = r->stall.at = r->body_stall_at = CLOCK_NEVER;
    r->streaming = r->has_output = r->cut = r->half_closed = false;
    r->is_hook = r->hook_ok = r->is_answered = false;
    r->left_out = 0;
    r->held = r->from = r->to = 0;
}
