#include "http/http.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/peer.h"
#include "base/ucspi.h"
#include "http/handler.h"
#include "http/status.h"
#include "wire/http1.h"
#include "wire/opening.h"

extern char **environ;

/* ---- reading ---- */

/* Reads until the head is whole: 200; or the status that refuses it; or 0 when there is nobody to
 * answer. The first head's time starts with the connection, a later one's with its first byte. */
static int read_head(struct input *in, struct http1_head *head, bool first) {
    bool begun = first;
    int64_t deadline = clock_after(clock_now(), begun ? LIMIT_HEAD_MS : LIMIT_IDLE_MS);
    for (;;) {
        if (!begun && in->end > 0) {
            begun = true;
            deadline = clock_after(clock_now(), LIMIT_HEAD_MS);
        }
        /* Asked before: a hello need not hold a line's end, for which a head would wait. */
        int status = opening_of(in->at, in->end) != OPENING_HTTP
                         ? 400
                         : http1_read_head(head, in->at, in->end);
        if (status != 0)
            return status;
        int64_t left = deadline - clock_now();
        struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
        if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
            return begun ? 408 : 0;
        if (input_read(in) == 0)
            return in->end > 0 ? 400 : 0; /* the client ended within a head, or between two */
    }
}

static struct slice field(const struct http1_head *head, const char *name, size_t *count) {
    struct slice value = {NULL, 0};
    size_t n = http1_find(head, name, &value);
    if (count != NULL)
        *count = n;
    return value;
}

static struct admission_verdict judge(struct handler *d, const struct http1_head *head,
                                      const struct http1_framing *f) {
    size_t origins, referers, sites, purposes, ranges;
    struct admission_request rq = {
        .method = head->method,
        .path = f->path,
        .authority = f->authority,
        .origin = field(head, "Origin", &origins),
        .referer = field(head, "Referer", &referers),
        .site = field(head, "Sec-Fetch-Site", &sites),
    };
    rq.repeated = origins > 1 || referers > 1 || sites > 1;
    for (size_t i = 0; i < ADMISSION_PURPOSES; i++) {
        rq.purpose[i] = field(head, admission_purposes[i], &purposes);
        rq.repeated = rq.repeated || purposes > 1;
    }
    field(head, "Range", &ranges);
    rq.range = ranges > 0;
    rq.authorization = field(head, "Authorization", &rq.authorizations);
    struct slice requested = {"", 0};
    size_t wishes = http1_find(head, "X-Bastion-Command", &requested);
    handler_note_command(d, wishes, requested);
    return admission_judge(&rq, &d->auth);
}

/* ---- one request ---- */

/* What of the body came along with the head shows its errors before anything runs: 0, or the status
 * that refuses the request. */
static int begin_body(const struct handler *d, struct body *body) {
    if (!handler_takes_body(d))
        body_skip(body);
    return body->bad ? 400 : 0;
}

static void refuse(struct handler *d, struct reply *x, int status, const char *text) {
    x->close = true;
    x->rest = status != 408;
    if (status != 408)
        handler_note_refusal(d, status, text, false);
    reply_send(x, status, "", text);
}

/* What is said to somebody who does not speak HTTP. One who speaks TLS is told in clear text too:
 * his library says then that the other side does not speak it ("wrong version number", "HTTP
 * response to HTTPS client"), which no alert could tell. */
static const char *why_not_http(enum opening opening) {
    switch (opening) {
    case OPENING_TLS:
        return "This port speaks plain HTTP, not TLS: use http:// in the address, or the port of "
               "HTTPS.";
    case OPENING_PROXY:
        return "This port takes no header of the PROXY protocol: switch it off in what stands in "
               "front (send-proxy, proxy_protocol).";
    case OPENING_SSH: return "This port speaks HTTP, not SSH.";
    default: return status_text(400);
    }
}

/* Serves the request whose head stands at the front of the input and whose body becomes `body`, as
 * the last one unless `more` may follow. False when its answer was cut. */
static bool serve(struct handler *d, const struct http1_head *head, struct reply *x,
                  struct body *body, bool more) {
    struct http1_framing f;
    struct input *in = body->in;
    int status = http1_read_framing(head, &f);
    x->chunked = head->minor == 1;
    if (status != 0) {
        refuse(d, x, status, status_text(status));
        return true;
    }
    x->close = !f.persistent || !more;
    x->trailers = f.trailers;
    x->head_only = slice_is(head->method, "HEAD");
    in->floor = in->start = head->scanned;
    body_start(body, in, f.chunked, f.length);
    x->continues = f.expects_continue;
    struct admission_verdict g = judge(d, head, &f);
    status = begin_body(d, body);
    if (status != 0) {
        refuse(d, x, status, status_text(status));
        return true;
    }
    if (g.status == 0)
        return handler_run(d, x, body);
    handler_refuse(d, x, &g, body);
    return true;
}

/* ---- the connection ---- */

/* Reads what is left of the last request; it ends where nothing comes for `idle` milliseconds, or
 * sooner. */
static void drop_rest(const struct reply *x, struct body *body, int64_t idle) {
    int64_t ms, most;
    handler_patience(x, &ms, &most);
    if (x->rest)
        body_drop(body, clock_after(clock_now(), ms), clock_earlier(idle, most));
}

/* Waits until the client's side has all of the output, as long as it goes on taking it, and reads
 * what it sends meanwhile. */
static void wait_until_taken(const struct reply *x, struct body *body) {
    struct pollfd pfd = {.fd = x->out};
    long left = peer_unsent(x->out);
    int64_t stalled = clock_after(clock_now(), LIMIT_WRITE_STALL_MS);
    while (left > 0 && clock_now() < stalled && poll(&pfd, 1, LIMIT_TAKEN_LOOK_MS) == 0) {
        if (x->rest)
            body_drop(body, clock_after(clock_now(), LIMIT_TAKEN_LOOK_MS), 0);
        long now_left = peer_unsent(x->out);
        if (now_left < left)
            stalled = clock_after(clock_now(), LIMIT_WRITE_STALL_MS);
        left = now_left;
    }
}

/* Ends the connection after an answer that was cut. The client's side has to have all of the
 * output, and a moment to pass it on: a proxy that learns of the end at once forgets what it has
 * not sent yet (Varnish; nginx over HTTP/2), and not every kernel keeps it after a reset. The
 * missing last chunk says that the answer was cut; HTTP/1.0 has nothing of that kind, so there it
 * is a reset. Where neither can be, as before `bastion tls`, a close without shutdown(2) says it.
 * These two end the request too, so that as much of it as comes is read before: a client that is
 * still sending reads nothing. */
static void close_cut(const struct reply *x, const struct input *in, struct body *body) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct pollfd pfd = {.fd = x->out};
    bool inet = fd_is_inet_socket(x->out);
    if (!inet || !x->chunked)
        drop_rest(x, body, LIMIT_DRAIN_REFUSED_IDLE_MS);
    wait_until_taken(x, body);
    if (!inet)
        return;
    bool listens = poll(&pfd, 1, LIMIT_CUT_PAUSE_MS) == 0;
    if (!x->chunked && listens) {
        setsockopt(x->out, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    } else if (shutdown(x->out, SHUT_WR) == 0) {
        drop_rest(x, body, CLOCK_NEVER);
        if (!in->ended)
            peer_drain(in->fd);
    }
}

static int serve_connection(struct handler *d) {
    static struct input in;
    static struct http1_head head;
    struct reply x = {.form = FORM_HTTP, .out = 1, .chunked = true, .close = d->unusable};
    int64_t end = clock_after(clock_now(), LIMIT_CONNECTION_MS);
    struct body body;
    bool whole = true;
    body_start_to_end(&body, &in);
    x.rest = d->unusable;
    if (d->unusable) /* perhaps root still: not a byte is parsed */
        reply_send(&x, 500, "", NULL);
    for (bool first = true; whole && !x.close; first = false) {
        http1_start(&head);
        input_rewind(&in);
        body_start_to_end(&body, &in); /* where the head is none, whatever comes */
        int status = read_head(&in, &head, first);
        x = (struct reply){.form = FORM_HTTP, .out = 1, .chunked = true};
        if (status == 0)
            break;
        enum opening opening = opening_of(in.at, in.end);
        if (status != 200)
            refuse(d, &x, status,
                   opening != OPENING_HTTP ? why_not_http(opening) : status_text(status));
        else
            whole = serve(d, &head, &x, &body, clock_now() < end);
    }
    handler_note_left_out(d);
    if (!whole) {
        close_cut(&x, &in, &body);
    } else if (shutdown(1, SHUT_WR) == 0) {
        drop_rest(&x, &body, CLOCK_NEVER);
        if (!in.ended)
            peer_drain(in.fd);
    }
    return whole ? 0 : 1;
}

/* The client's certificate, of which `bastion tls` tells. */
static void take_certificate(struct handler *d) {
    const char *https = env_get(environ, "HTTPS"), *name = env_get(environ, "SSL_CLIENT_S_DN_CN");
    if (https != NULL && strcmp(https, "on") == 0 && name != NULL)
        snprintf(d->user, sizeof d->user, "%s", name);
}

int http_main(int argc, char **argv) {
    static struct handler door;
    char peer[LIMIT_PEER];
    (void)argv;
    if (argc > 1) {
        fputs("bastion http: takes no arguments\n", stderr);
        return 64;
    }
    init_link_open(environ, false);
    if (fd_only_standard() == -1)
        return 71;
    ucspi_peer(peer, environ, 0);
    take_certificate(&door);
    handler_open(&door, "http", peer, environ);
    /* Small answers must not wait for the acknowledgement of the one before. */
    peer_no_delay(1);
    if (fd_nonblock(0) == -1 || fd_nonblock(1) == -1)
        return 71;
    return serve_connection(&door);
}
