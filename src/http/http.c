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
#include "http/hook_serve.h"
#include "http/http_monitor.h"
#include "http/runs_serve.h"
#include "http/status.h"
#include "wire/http1.h"
#include "wire/opening.h"
#include "wire/utf8.h"

extern char **environ;

/* ---- reading a head ---- */

/* Reads until the head is whole. Returns 200; or the status that refuses it; or 0 when there is
 * nobody to respond to. The time for the first head starts with the connection, that for a later
 * one with its first byte. */
static int read_request_head(struct input *in, struct http1_head *head, bool first) {
    bool begun = first;
    int64_t deadline = clock_after(clock_now(), begun ? LIMIT_HEAD_MS : LIMIT_IDLE_MS);
    for (;;) {
        if (!begun && in->end > 0) {
            begun = true;
            deadline = clock_after(clock_now(), LIMIT_HEAD_MS);
        }
        /* Other protocols first: in their opening bytes there need not be the end of a line, for
         * which the parser of heads would wait. */
        int status = opening_of(in->at, in->end) != OPENING_HTTP
                         ? 400
                         : http1_read_head(head, in->at, in->end);
        if (status != 0)
            return status;
        ssize_t got = -1;
        if (first) /* mostly it is there by now: then there is no wait to begin with */
            got = input_read(in);
        first = false;
        int64_t left = deadline - clock_now();
        struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
        if (got == -1 && (left <= 0 || poll(&pfd, 1, (int)left) == 0))
            return begun ? 408 : 0;
        if (got == -1)
            got = input_read(in);
        if (got == 0)
            return in->end > 0 ? 400 : 0; /* the client ended within a head, or between two */
    }
}

/* ---- judging it ---- */

/* The value of the field, at == NULL where it is absent; *count: how often it is there. */
static struct slice field_value(const struct http1_head *head, const char *name, size_t *count) {
    struct slice value = {NULL, 0};
    *count = http1_find(head, name, &value);
    return value;
}

/* Says whom the client speaks for, where it is a proxy whose word counts. */
static void tell_forwarded(struct front *f, const struct http1_head *head) {
    struct forwarded_for addresses = {.n = 0};
    for (size_t i = head->fields; i-- > 0;)
        if (slice_is_nocase(head->name[i], "X-Forwarded-For"))
            forwarded_for_add(&addresses, head->value[i]);
    front_forwarded(f, &addresses);
}

/* Whether all of the request has come. */
static bool is_complete(const struct http1_framing *framing) {
    return !framing->chunked && framing->length == 0 && !framing->expects_continue;
}

/* Asks http/admission.h, then the monitor whether the credential is right; keeps X-Bastion-Command
 * for a request that may run. */
static struct admission_verdict judge_request(struct handler *h, const struct http1_head *head,
                                              const struct http1_framing *framing) {
    size_t origins, referers, sites, purposes, ranges, commands;
    struct admission_request request = {
        .method = head->method,
        .has_more = true,
        .path = framing->path,
        .authority = framing->authority,
        .origin = field_value(head, "Origin", &origins),
        .referer = field_value(head, "Referer", &referers),
        .fetch_site = field_value(head, "Sec-Fetch-Site", &sites),
    };
    request.repeated = origins > 1 || referers > 1 || sites > 1;
    for (size_t i = 0; i < ADMISSION_PURPOSES; i++) {
        request.purpose[i] = field_value(head, admission_purposes[i], &purposes);
        request.repeated = request.repeated || purposes > 1;
    }
    struct slice credential = field_value(head, "Authorization", &request.authorizations);
    struct slice command = field_value(head, "X-Bastion-Command", &commands);
    handler_keep_command(h, commands, command);
    struct admission_verdict verdict = admission_judge(&request);
    bool is_runs = verdict.is_runs;
    if (verdict.is_hook)
        return verdict;
    field_value(head, "Range", &ranges);
    if (verdict.status == 0)
        verdict = handler_login(h, credential, !is_runs && is_complete(framing) && ranges == 0);
    verdict.is_runs = is_runs;
    return verdict.status != 0 || is_runs ? verdict : admission_judge_range(ranges > 0);
}

/* ---- one request ---- */

/* Refuses what is no request, or none that can be read to its end: the connection ends with it.
 * `text` is the body and the log's reason. After a head that took too long (408) nothing more is
 * read, and nothing logged: it may be a connection that a browser opened ahead of time. */
static void refuse_message(struct handler *h, struct reply *reply, int status, const char *text) {
    reply->close = true;
    reply->unread = status != 408;
    if (status != 408)
        front_note_refusal(h->front, status, text);
    reply_send(reply, status, "", text);
}

/* What somebody is told who does not speak HTTP. TLS is answered in clear text too: its libraries
 * say then that the other side does not speak TLS ("wrong version number", "HTTP response to HTTPS
 * client"), which no alert could tell. */
static const char *other_protocol_text(enum opening opening) {
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

/* Serves the request whose head is at the front of the window and whose body becomes `body`; it is
 * the connection's last unless `more` may follow. Returns false when the response was cut. */
static bool serve_request(struct handler *h, const struct http1_head *head, struct reply *reply,
                          struct body *body, bool more) {
    struct http1_framing framing;
    struct input *in = body->in;
    int status = http1_read_framing(head, &framing);
    reply->chunked = head->minor == 1;
    tell_forwarded(h->front, head);
    if (status != 0) {
        refuse_message(h, reply, status, status_text(status));
        return true;
    }
    reply->close = !framing.persistent || !more;
    reply->trailers = framing.trailers;
    reply->head_only = slice_is(head->method, "HEAD");
    reply->expects_continue = framing.expects_continue;
    in->floor = in->start = head->scanned;
    body_start(body, in, framing.chunked, framing.length);
    preferences_read(&h->preferences, head);
    struct admission_verdict verdict = judge_request(h, head, &framing);
    if (verdict.is_hook)
        return hook_serve(h, head, framing.path, reply, body);
    /* Errors in what came of the body along with the head are found before anything runs. */
    if (verdict.status != 0 || verdict.is_runs || !handler_takes_body(h))
        body_skip(body);
    if (body->bad) {
        refuse_message(h, reply, 400, status_text(400));
        return true;
    }
    if (verdict.status == 0 && verdict.is_runs)
        return runs_serve(h, framing.path, head->method, reply, body);
    if (verdict.status == 0)
        return handler_run(h, reply, body);
    handler_refuse(h, reply, &verdict, body);
    return true;
}

/* ---- the connection's end ---- */

/* Reads the rest of the last request, until nothing has come for `idle` milliseconds or for less
 * where handler_drain_time says so. */
static void drop_unread(const struct reply *reply, struct body *body, int64_t idle) {
    int64_t ms, most_idle;
    handler_drain_time(reply, &ms, &most_idle);
    if (reply->unread)
        body_drop(body, clock_after(clock_now(), ms), clock_earlier(idle, most_idle));
}

/* Waits until the client's side has all of the output, as long as it goes on taking it, and reads
 * what it sends meanwhile. */
static void wait_until_taken(const struct reply *reply, struct body *body) {
    struct pollfd pfd = {.fd = reply->out};
    long left = peer_unsent(reply->out);
    int64_t stalled = clock_after(clock_now(), LIMIT_WRITE_STALL_MS);
    while (!reply->lost && left > 0 && clock_now() < stalled
           && poll(&pfd, 1, LIMIT_TAKEN_LOOK_MS) == 0) {
        if (reply->unread)
            body_drop(body, clock_after(clock_now(), LIMIT_TAKEN_LOOK_MS), 0);
        long now_left = peer_unsent(reply->out);
        if (now_left < left)
            stalled = clock_after(clock_now(), LIMIT_WRITE_STALL_MS);
        left = now_left;
    }
}

/* Ends the connection after a response that was cut. The client's side has to have all of the
 * output, and a moment to pass it on: a proxy that learns of the end at once forgets what it has
 * not sent yet (Varnish; nginx over HTTP/2), and not every kernel keeps it after a reset.
 *
 * That the response was cut is said by its missing last chunk; over HTTP/1.0, which has nothing of
 * that kind, by a reset. Where neither can be, as behind `bastion tls`, a close without shutdown(2)
 * says it. These two end the request too, so that as much of it as comes is read before: a client
 * that is still sending reads nothing. */
static void close_cut_response(const struct reply *reply, const struct input *in,
                               struct body *body) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct pollfd pfd = {.fd = reply->out};
    bool inet = fd_is_inet_socket(reply->out);
    if (!inet || !reply->chunked)
        drop_unread(reply, body, LIMIT_DRAIN_REFUSED_IDLE_MS);
    wait_until_taken(reply, body);
    if (!inet)
        return;
    bool connected = poll(&pfd, 1, LIMIT_CUT_PAUSE_MS) == 0;
    if (!reply->chunked && connected) {
        setsockopt(reply->out, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    } else if (shutdown(reply->out, SHUT_WR) == 0) {
        drop_unread(reply, body, CLOCK_NEVER);
        if (!in->ended)
            peer_drain(in->fd);
    }
}

/* Ends the connection after a response that is whole: in two steps, since a close with bytes of the
 * client's unread would be a reset, which destroys the response on its way. */
static void close_whole_response(const struct reply *reply, const struct input *in,
                                 struct body *body) {
    if (shutdown(1, SHUT_WR) == -1)
        return;
    drop_unread(reply, body, CLOCK_NEVER);
    if (!in->ended)
        peer_drain(in->fd);
}

/* ---- the connection ---- */

/* Small responses must not wait for the acknowledgement of the one before. */
static bool set_up_connection(void) {
    if (init_link_is_there()) /* it was set up, as one socket */
        return fd_nonblock_socket(0) == 0;
    peer_no_delay(1);
    return fd_nonblock(0) == 0 && fd_nonblock(1) == 0;
}

/* Serves one request after the other. Returns the exit status of http_main. */
static int serve_http_connection(struct front *f) {
    /* large; what one request touches of this lies on one page */
    static _Alignas(4096) struct handler h;
    static struct input in;
    static struct http1_head head;
    struct reply reply = {.form = REPLY_HTTP, .out = 1, .chunked = true};
    struct body body;
    bool whole = true;
    h.front = f;
    in.fd = 0; /* written before it is read: one page fault in place of two */
    if (!front_wait_ready(f) || (!f->is_set_up && !set_up_connection()))
        return 71;
    int64_t end = clock_after(clock_now(), LIMIT_CONNECTION_MS);
    body_start_to_end(&body, &in);
    reply.unread = reply.close = !f->usable;
    if (!f->usable)
        reply_send(&reply, 500, "", NULL);
    for (bool first = true; whole && !reply.close; first = false) {
        http1_start(&head);
        input_rewind(&in);
        body_start_to_end(&body, &in); /* what there is to drop, where no head says more */
        int status = read_request_head(&in, &head, first);
        reply = (struct reply){.form = REPLY_HTTP, .out = 1, .chunked = true};
        if (status == 0)
            break;
        enum opening opening = opening_of(in.at, in.end);
        if (status != 200) /* what is no request speaks for nobody else */
            front_forwarded(f, &(struct forwarded_for){.n = 0});
        if (status != 200)
            refuse_message(&h, &reply, status,
                           opening != OPENING_HTTP ? other_protocol_text(opening)
                                                   : status_text(status));
        else
            whole = serve_request(&h, &head, &reply, &body, clock_now() < end);
    }
    if (whole)
        close_whole_response(&reply, &in, &body);
    else
        close_cut_response(&reply, &in, &body);
    return whole ? 0 : 1;
}

static char peer[LIMIT_PEER], user[LIMIT_USER];

static int await_connection(int front) {
    struct init_link_connection c = {.fd = -1};
    if (!init_link_await(&c, front))
        return -1;
    ucspi_peer(peer, c.variables, c.fd);
    if (c.is_tls && utf8_is_plain(c.user, strlen(c.user)))
        strcpy(user, c.user);
    return c.fd;
}

int http_main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        fputs("bastion http: takes no arguments\n", stderr);
        return 64;
    }
    init_link_open(environ, false);
    if (fd_only_standard() == -1)
        return 71;
    bool is_spare = init_link_is_spare();
    if (!is_spare)
        ucspi_peer(peer, environ, 0);
    /* The name in the client's certificate, which `bastion tls` has verified. */
    const char *https = env_get(environ, "HTTPS"), *name = env_get(environ, "SSL_CLIENT_S_DN_CN");
    if (https != NULL && strcmp(https, "on") == 0 && name != NULL)
        snprintf(user, sizeof user, "%s", name);
    const struct http_connection connection = {.channel = "http",
                                               .peer = peer,
                                               .user = user,
                                               .environment = environ,
                                               .serve = serve_http_connection,
                                               .await = is_spare ? await_connection : NULL};
    return http_monitor_run(&connection);
}
