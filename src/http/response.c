#include "http/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/peer.h"
#include "http/status.h"

static struct response *of(struct frontend *c) { return (struct response *)(void *)c; }

/* ---- to the client ---- */

static void lose(struct response *a) {
    a->client.gone = true;
    a->from = a->to = a->held = 0;
}

static void flush(struct response *a) {
    while (a->from < a->to) {
        ssize_t n = write(a->x->out, a->frame + a->from, a->to - a->from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            lose(a);
            return;
        }
        a->from += (size_t)n;
        a->stall.at = CLOCK_NEVER; /* set anew by watch */
    }
    a->from = a->to = a->held = 0;
}

/* Puts bytes right before what is to be written. */
static void prepend(struct response *a, const char *bytes, size_t n) {
    a->from -= n;
    memcpy(a->frame + a->from, bytes, n);
}

static void append(struct response *a, const char *bytes, size_t n) {
    memcpy(a->frame + a->to, bytes, n);
    a->to += n;
}

/* Makes the output in the frame the next thing to write, as a chunk where the message is
 * chunked. */
static void frame_output(struct response *a) {
    a->from = RESPONSE_DATA;
    a->to = RESPONSE_DATA + a->held;
    if (a->held > 0 && a->x->chunked) {
        char line[CHUNK_HEAD];
        size_t n = chunk_head(line, a->held);
        prepend(a, line + CHUNK_HEAD - n, n);
        append(a, "\r\n", 2);
    }
}

static void send_output(struct response *a) {
    if (a->client.gone) {
        a->held = 0;
        return;
    }
    frame_output(a);
    flush(a);
}

/* The fields of every answer that names a run. */
static void head(struct response *a, struct buf *b, int status) {
    reply_head(b, a->x, status);
    buf_format(b, "X-Bastion-Run: %s\r\n", a->run);
}

/* Sends the status line, and what is held. */
static void begin_streaming(struct response *a) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    a->streaming = true;
    a->hold_until = CLOCK_NEVER;
    if (a->client.gone)
        return;
    peer_probe(a->x->out, 60, 10, 6); /* it may be long from now on */
    if (!a->x->chunked)
        a->x->close = true; /* the message ends with the connection */
    head(a, &b, 200);
    if (a->x->chunked) {
        buf_text(&b, "Transfer-Encoding: chunked\r\n");
        if (a->x->trailers)
            buf_text(&b, "Trailer: X-Bastion-Exit-Code\r\n");
    }
    buf_text(&b, "\r\n");
    frame_output(a);
    prepend(a, b.at, b.len);
    flush(a);
}

/* ---- what the session calls ---- */

static void started(struct frontend *c, const char *run) {
    struct response *a = of(c);
    (void)run; /* known from the start */
    a->hold_until = clock_after(clock_now(), a->hold_ms);
    if (a->hold_ms == 0)
        begin_streaming(a);
}

static size_t room(struct frontend *c, int stream, char **at) {
    struct response *a = of(c);
    (void)stream; /* merged */
    *at = a->frame + RESPONSE_DATA + a->held;
    return a->from < a->to ? 0 : LIMIT_HELD - a->held;
}

static void output(struct frontend *c, int stream, size_t n) {
    struct response *a = of(c);
    (void)stream;
    a->held += n;
    a->said = true;
    if (a->streaming || c->gone)
        send_output(a);
    else if (a->held == LIMIT_HELD)
        begin_streaming(a);
}

static size_t input(struct frontend *c, const char **at) {
    struct response *a = of(c);
    if (c->input_closed || !body_next(a->body))
        return 0;
    *at = a->body->content.at;
    return a->body->content.n;
}

static void taken(struct frontend *c, size_t n) { body_taken(of(c)->body, n); }

static bool input_ended(const struct frontend *c) {
    const struct body *b = ((const struct response *)(const void *)c)->body;
    return b->bad || body_ended(b);
}

/* Whether the client is to go on sending. What the command does not take is read all the same, and
 * dropped: most clients send all of their request before they read a byte of the answer. */
static bool wants_body(struct response *a) {
    if (a->client.input_closed)
        body_skip(a->body);
    return !a->half_closed && !a->body->bad && a->body->content.n == 0 && !body_ended(a->body);
}

static int64_t watch(struct frontend *c, struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct response *a = of(c);
    bool pending = a->from < a->to, reading = wants_body(a);
    bool look = !c->gone && !a->half_closed && (reading || a->x->form == FORM_HTTP);
    fds[0] = (struct pollfd){.fd = look ? a->body->in->fd : -1,
                             .events = (short)(reading ? POLLIN | POLLRDHUP : POLLRDHUP)};
    fds[1] = (struct pollfd){.fd = c->gone ? -1 : a->x->out, .events = pending ? POLLOUT : 0};
    fds[2] = (struct pollfd){.fd = -1};
    int64_t stall_at = peer_stall_watch(&a->stall, a->x->out, pending, now);
    if (!reading || c->input_closed) /* one that nobody takes may take its time */
        a->body_stall_at = CLOCK_NEVER;
    else if (a->body_stall_at == CLOCK_NEVER)
        a->body_stall_at = clock_after(now, LIMIT_BODY_STALL_MS);
    return clock_earlier(a->hold_until, clock_earlier(stall_at, a->body_stall_at));
}

/* The client closed its sending side. One that does so right behind its request waits for the
 * answer (a half-close, as netcat does it); the head of the answer and probes will tell if it is
 * there, since only what is sent to a closed socket is answered by a reset. One that had waited and
 * does so later is gone. */
static void half_close(struct response *a, int64_t now) {
    a->half_closed = true;
    if (a->x->form == FORM_CGI)
        return; /* the web server ends what it sends, and knows the client */
    if (now >= a->half_close_until)
        lose(a);
    else
        peer_probe(a->x->out, 1, 1, 2);
}

/* Reads on in the request, or sees its end. */
static void receive(struct response *a, short revents, int64_t now) {
    ssize_t n = revents & POLLIN ? body_read(a->body) : 0;
    if (n > 0) {
        a->body_stall_at = CLOCK_NEVER;
        a->half_close_until = clock_after(now, LIMIT_HALF_CLOSE_MS);
    } else if (n == 0) {
        half_close(a, now);
        if (!body_ended(a->body))
            a->body->bad = true;
    }
}

static void ready(struct frontend *c, const struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct response *a = of(c);
    if (fds[0].revents != 0)
        receive(a, fds[0].revents, now);
    if (now >= a->body_stall_at)
        a->body->bad = true;
    if (!c->input_closed)
        body_next(a->body); /* shows errors of its coding */
    /* A body that breaks off is a client that went away: the command must not take the part for the
     * whole. */
    if ((fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0
        || (a->body->bad && !c->input_closed))
        lose(a);
    if (fds[1].revents & POLLOUT)
        flush(a);
    if (a->from < a->to && peer_stalled(&a->stall, a->x->out, now))
        lose(a);
    if (now >= a->hold_until)
        begin_streaming(a);
}

/* Writes what is left in the frame, as long as the client takes it. */
static void finish(struct response *a) {
    flush(a);
    while (a->from < a->to) {
        struct pollfd fds[FRONTEND_FDS];
        int64_t now = clock_now();
        int64_t deadline = watch(&a->client, fds, now);
        struct timespec ts;
        if (ppoll(fds, FRONTEND_FDS, clock_left(deadline, now, &ts), NULL) >= 0)
            ready(&a->client, fds, clock_now());
    }
}

/* ---- the ending ---- */

static void end_stream(struct response *a, int code) {
    a->broken = code != 0;
    /* A client that repeats what broke shows it by asking for the rest (Range), and is refused; but
     * only if it got something. */
    if (a->broken && !a->said && !a->client.gone && a->from == a->to) {
        a->frame[RESPONSE_DATA] = '\n';
        a->held = 1;
        send_output(a);
    }
    if (a->client.gone || a->broken) {
        a->x->close = true;
        finish(a);
        return;
    }
    if (a->from == a->to)
        a->from = a->to = RESPONSE_DATA;
    if (a->x->chunked) {
        append(a, "0\r\n", 3);
        if (a->x->trailers)
            append(a, "X-Bastion-Exit-Code: 0\r\n", 24);
        append(a, "\r\n", 2);
    }
    finish(a);
}

/* The whole message at once: `fields` are complete lines; the body is what is held. */
static void send_whole(struct response *a, int status, const char *fields) {
    char text[LIMIT_RESPONSE_HEAD];
    struct buf b = BUF_ON(text);
    head(a, &b, status);
    buf_format(&b, "%sContent-Length: %zu\r\n\r\n", fields, a->held);
    a->from = RESPONSE_DATA;
    a->to = RESPONSE_DATA + a->held;
    prepend(a, b.at, b.len);
    finish(a);
}

/* The ending of a message whose status line was not out yet. Where no command ran, what became of
 * the request is the body. */
static void end_held(struct response *a, const struct outcome *o, const char *code) {
    struct buf b = {.at = a->frame + RESPONSE_DATA, .cap = LIMIT_HELD};
    if (o->kind == OUTCOME_GONE || o->kind == OUTCOME_ERROR)
        buf_format(&b, "%s\n", status_text(500));
    else
        outcome_tell(&b, o, "\n");
    if (o->kind != OUTCOME_ENDED && o->kind != OUTCOME_TIMEOUT)
        a->held = b.len;
    switch (o->kind) {
    case OUTCOME_ENDED:
    case OUTCOME_TIMEOUT: send_whole(a, o->code == 0 ? 200 : 422, code); break;
    case OUTCOME_FAILED: send_whole(a, 422, code); break;
    case OUTCOME_DENIED: send_whole(a, 403, "X-Bastion-Exit-Code: 126\r\n"); break;
    case OUTCOME_SKIPPED: send_whole(a, 200, "X-Bastion-Skipped: 1\r\n"); break;
    case OUTCOME_BUSY: send_whole(a, 429, "Retry-After: 5\r\n"); break;
    case OUTCOME_GONE:
    case OUTCOME_ERROR:
        a->x->close = true;
        send_whole(a, 500, "");
        break;
    }
}

/* Reads what is left of the request, for a while: the next one is behind it. */
static void take_rest(struct response *a) {
    int64_t wait = a->client.gone || a->broken ? 0 : LIMIT_BODY_WAIT_MS;
    bool through = body_drop(a->body, clock_after(clock_now(), wait), wait);
    a->x->rest = !through;
    a->x->close = a->x->close || !through;
}

static void ended(struct frontend *c, const struct outcome *o) {
    struct response *a = of(c);
    char code[64];
    snprintf(code, sizeof code, "X-Bastion-Exit-Code: %d\r\n", o->code);
    a->hold_until = CLOCK_NEVER;
    c->input_closed = true;
    if (a->streaming) {
        end_stream(a, o->code);
        take_rest(a);
    } else if (!c->gone) {
        take_rest(a);
        end_held(a, o, code);
    }
    if (c->gone)
        a->broken = a->x->close = true;
}

void response_start(struct response *a, struct reply *x, struct body *body, bool is_input,
                    const char *run, int64_t hold_ms) {
    static const struct frontend_ops ops = {started,     room,  output, input, taken,
                                            input_ended, watch, ready,  ended};
    a->client = (struct frontend){.ops = &ops, .input_closed = !is_input};
    a->x = x;
    a->body = body;
    snprintf(a->run, sizeof a->run, "%s", run);
    a->hold_ms = hold_ms;
    a->half_close_until = clock_after(clock_now(), LIMIT_HALF_CLOSE_MS);
    a->hold_until = a->stall.at = a->body_stall_at = CLOCK_NEVER;
    a->streaming = a->said = a->broken = a->half_closed = false;
    a->held = a->from = a->to = 0;
}
