#include "tls/tunnel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/peer.h"
#include "tls/alert.h"
#include "limit.h"
#include "wire/opening.h"

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, WARNING = 1, FATAL = 2 };

/* The one tunnel of this process, for what the engine calls, and what it would call without us. */
static struct tunnel *ours;
static void (*run_handshake)(void *);

/* The engine answers a close_notify by one of its own and takes no more output. But a client that
 * has said all may well wait for the answer: so its alerts, authentic by now, are taken here, and
 * everything else goes on to the engine. */
static void take_alerts(void *cpu) {
    br_ssl_engine_context *e = ours->engine;
    if (e->record_type_in != RECORD_ALERT || e->hlen_in == 0) {
        run_handshake(cpu);
        return;
    }
    for (; e->hlen_in > 0; e->hlen_in--) {
        unsigned char byte = *e->hbuf_in++;
        if (ours->alert_level == 0) {
            ours->alert_level = byte == WARNING ? WARNING : FATAL;
            continue;
        }
        if (ours->alert_level == FATAL)
            ours->gone = true;
        else if (byte == ALERT_CLOSE)
            ours->frontend_ended = true;
        ours->alert_level = 0;
    }
}

/* ---- the client's side ---- */

static void send_records(struct tunnel *t) {
    size_t n;
    for (unsigned char *at; !t->gone && (at = br_ssl_engine_sendrec_buf(t->engine, &n)) != NULL;) {
        t->held = t->tcp && t->more;
        ssize_t w = t->held ? send(t->out, at, n, MSG_MORE) : write(t->out, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0 && errno == EAGAIN)
            return;
        if (w < 0) {
            t->gone = true;
            return;
        }
        t->cut = (size_t)w < n;
        t->stall.at = CLOCK_NEVER; /* set anew by wait_for */
        br_ssl_engine_sendrec_ack(t->engine, (size_t)w);
    }
}

static void push_records(struct tunnel *t) {
    t->more = false;
    if (t->held)
        peer_no_delay(t->out); /* set anew, it sends what waits */
    t->held = false;
}

/* Reads what the engine has room for. False when there is nothing at hand. */
static bool receive(struct tunnel *t) {
    size_t n;
    unsigned char *at = br_ssl_engine_recvrec_buf(t->engine, &n);
    if (at == NULL || t->frontend_ended || t->gone)
        return false;
    ssize_t r = read(t->in, at, n);
    if (r < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* An end without a word is no end of what the client had to say, but a connection that broke
     * (RFC 5246, section 7.2.1). */
    if (r <= 0) {
        t->gone = true;
        return false;
    }
    br_ssl_engine_recvrec_ack(t->engine, (size_t)r);
    return true;
}

/* ---- waiting ---- */

/* Waits until something can go on. The deadline that passes first makes the client one that is
 * gone. */
static void wait_for(struct tunnel *t, int64_t deadline) {
    unsigned state = br_ssl_engine_current_state(t->engine);
    int64_t now = clock_now();
    bool sending = (state & BR_SSL_SENDREC) != 0;
    bool receiving = (state & BR_SSL_RECVREC) != 0 && !t->frontend_ended && !t->program_ended;
    short program = t->program_ended ? 0
                                     : (short)((state & BR_SSL_SENDAPP ? POLLIN : 0)
                                               | (state & BR_SSL_RECVAPP ? POLLOUT : 0));
    struct pollfd fds[] = {{.fd = receiving ? t->in : -1, .events = POLLIN},
                           {.fd = t->out, .events = sending ? POLLOUT : 0},
                           {.fd = program != 0 ? t->program : -1, .events = program}};
    int64_t stall_at = peer_stall_watch(&t->stall, t->out, sending, now);
    struct timespec ts;
    if (ppoll(fds, 3, clock_left(clock_earlier(deadline, stall_at), now, &ts), NULL) == -1)
        fds[1].revents = 0;
    now = clock_now();
    if (sending && peer_stalled(&t->stall, t->out, now))
        t->gone = true;
    if (now >= deadline || (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        t->gone = true;
}

/* ---- the handshake ---- */

void tunnel_start(struct tunnel *t, br_ssl_engine_context *engine, int in, int out) {
    *t = (struct tunnel){
        .engine = engine, .in = in, .out = out, .program = -1, .stall.at = CLOCK_NEVER};
    /* No record waits for the acknowledgement of the one before. */
    t->tcp = peer_no_delay(out);
    peer_probe(out, 60, 10, 6);
}

/* Reads up to n bytes of what comes first; 0 when nothing comes. */
static size_t read_early(struct tunnel *t, unsigned char *at, size_t n, int64_t deadline) {
    for (;;) {
        ssize_t r = read(t->in, at, n);
        if (r >= 0 || (errno != EAGAIN && errno != EINTR))
            return r > 0 ? (size_t)r : 0;
        wait_for(t, deadline);
        if (t->gone)
            return 0;
    }
}

/* Whether the n bytes, and those that follow, are the start of a request in clear text: a method
 * and a space. */
static bool is_http(struct tunnel *t, const unsigned char *first, size_t n, int64_t deadline) {
    static const char *const methods[] = {"GET ",     "HEAD ",  "POST ",  "PUT ",     "DELETE ",
                                          "OPTIONS ", "PATCH ", "TRACE ", "CONNECT ", "PRI "};
    unsigned char start[8];
    memcpy(start, first, n);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        size_t length = strlen(methods[i]);
        while (n < length && memcmp(start, methods[i], n) == 0) {
            size_t more = read_early(t, start + n, 1, deadline);
            if (more == 0)
                return false;
            n += more;
        }
        if (n >= length && memcmp(start, methods[i], length) == 0)
            return true;
    }
    return false;
}

/* The connection's first byte is the type of a record, or what somebody sends who speaks something
 * else. */
static enum tunnel_hello read_first(struct tunnel *t, int64_t deadline) {
    size_t room;
    unsigned char *at = br_ssl_engine_recvrec_buf(t->engine, &room);
    size_t n = read_early(t, at, room, deadline);
    if (n == 0)
        return HELLO_FAILED;
    if (opening_of((const char *)at, n) == OPENING_PROXY)
        return HELLO_PROXY;
    if (at[0] != RECORD_HANDSHAKE)
        return is_http(t, at, n, deadline) ? HELLO_HTTP : HELLO_STRANGE;
    br_ssl_engine_recvrec_ack(t->engine, n);
    return HELLO_TLS;
}

static bool is_through(const br_ssl_engine_context *e) {
    return e->application_data == 1
           && (br_ssl_engine_current_state(e) & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0;
}

enum tunnel_hello tunnel_shake_hands(struct tunnel *t, int64_t deadline) {
    enum tunnel_hello first = read_first(t, deadline);
    if (first != HELLO_TLS)
        return first;
    while (!is_through(t->engine)) {
        send_records(t);
        /* one that never lets up gets no more time */
        while (!is_through(t->engine) && clock_now() < deadline && receive(t))
            send_records(t);
        if (t->gone || br_ssl_engine_current_state(t->engine) == BR_SSL_CLOSED)
            return HELLO_FAILED;
        if (!is_through(t->engine))
            wait_for(t, deadline);
        if (t->gone)
            return HELLO_FAILED;
    }
    return HELLO_TLS;
}

/* ---- alerts ---- */

static void send_alert(struct tunnel *t, int level, int description) {
    br_ssl_engine_context *e = t->engine;
    /* a record's head and nonce go before, a tag behind */
    unsigned char room[128], *data = room + 64;
    size_t n = 2;
    data[0] = (unsigned char)level;
    data[1] = (unsigned char)description;
    if (t->cut || t->gone)
        return;
    if (e->out.vtable == NULL) /* it was never started */
        e->out.vtable = &br_sslrec_out_clear_vtable;
    const unsigned char *record =
        e->out.vtable->encrypt(&e->out.vtable, RECORD_ALERT, BR_TLS12, data, &n);
    if (fd_write_all(t->out, record, n, LIMIT_DRAIN_MS) == -1)
        t->gone = true;
}

void tunnel_alert(struct tunnel *t, int description) {
    send_alert(t, description == ALERT_CLOSE ? WARNING : FATAL, description);
}

void tunnel_alert_failure(struct tunnel *t) {
    int description = alert_number(br_ssl_engine_last_error(t->engine));
    if (description > 0)
        send_alert(t, FATAL, description);
}

const char *tunnel_why(const struct tunnel *t) {
    return alert_text(br_ssl_engine_last_error(t->engine));
}

/* ---- the program's side ---- */

/* Gives the program what has been decrypted. One that reads no more loses it: that is its own
 * affair. */
static void deliver(struct tunnel *t) {
    size_t n;
    for (unsigned char *at; (at = br_ssl_engine_recvapp_buf(t->engine, &n)) != NULL;) {
        ssize_t w = t->input_ended ? (ssize_t)n : write(t->program, at, n);
        if (w < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (w < 0) {
            t->input_ended = true;
            w = (ssize_t)n;
        }
        br_ssl_engine_recvapp_ack(t->engine, (size_t)w);
    }
}

/* Makes records of the program's output, as it comes: a full one where there is as much, and what
 * there is at once. */
static void collect(struct tunnel *t) {
    size_t n;
    unsigned char *at;
    for (int turn = 0; turn < LIMIT_TLS_TURN && !t->gone
                       && (at = br_ssl_engine_sendapp_buf(t->engine, &n)) != NULL;
         turn++) {
        ssize_t r = read(t->program, at, n);
        if (r < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (r <= 0) { /* or ECONNRESET: it went away before it had read all */
            t->program_ended = true;
            break;
        }
        t->more = (size_t)r == n;
        br_ssl_engine_sendapp_ack(t->engine, (size_t)r);
        if (!t->more)
            br_ssl_engine_flush(t->engine, 0);
        send_records(t);
    }
    push_records(t);
}

static void pass_end(struct tunnel *t) {
    size_t n;
    if (!t->frontend_ended || t->input_ended || br_ssl_engine_recvapp_buf(t->engine, &n) != NULL)
        return;
    t->input_ended = true;
    shutdown(t->program, SHUT_WR);
    peer_probe(t->out, 1, 1, 2); /* is it still there to hear the answer? */
}

bool tunnel_carry(struct tunnel *t, int program) {
    ours = t;
    run_handshake = t->engine->hsrun;
    t->engine->hsrun = take_alerts;
    t->program = program;
    while (!t->gone && !t->program_ended) {
        deliver(t);
        for (int turn = 0; turn < LIMIT_TLS_TURN && receive(t); turn++) {
            send_records(t);
            deliver(t);
        }
        pass_end(t);
        collect(t);
        if (br_ssl_engine_current_state(t->engine) == BR_SSL_CLOSED) {
            tunnel_alert_failure(t);
            return false;
        }
        if (!t->gone && !t->program_ended)
            wait_for(t, CLOCK_NEVER);
        send_records(t);
    }
    while (!t->gone && (br_ssl_engine_current_state(t->engine) & BR_SSL_SENDREC) != 0) {
        wait_for(t, CLOCK_NEVER);
        send_records(t);
    }
    return !t->gone;
}

bool tunnel_program_is_there(const struct tunnel *t) {
    struct pollfd pfd = {.fd = t->program, .events = 0};
    return poll(&pfd, 1, 0) == 0;
}

/* ---- the ending ---- */

void tunnel_pass_rest(struct tunnel *t) {
    int64_t deadline = clock_after(clock_now(), LIMIT_DRAIN_RAN_MS), left;
    shutdown(t->out, SHUT_WR);
    while (!t->input_ended && (left = deadline - clock_now()) > 0) {
        deliver(t);
        while (receive(t))
            deliver(t);
        unsigned state = br_ssl_engine_current_state(t->engine);
        if (t->gone || t->frontend_ended || state == BR_SSL_CLOSED)
            return;
        struct pollfd fds[] = {{.fd = state & BR_SSL_RECVREC ? t->in : -1, .events = POLLIN},
                               {.fd = t->program, .events = state & BR_SSL_RECVAPP ? POLLOUT : 0}};
        if (poll(fds, 2, (int)left) > 0 && (fds[1].revents & (POLLHUP | POLLERR)) != 0)
            return;
    }
}

void tunnel_close(struct tunnel *t) {
    if (!t->gone && shutdown(t->out, SHUT_WR) == 0)
        peer_drain(t->in);
}
