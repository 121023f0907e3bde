#include "tls/tunnel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/peer.h"
#include "limit.h"

enum { RECORD_HANDSHAKE = 22, RECORD_HEAD = 5 }; /* RFC 5246, section 6.2.1 */

/* ---- the client's side ---- */

static void send_records(struct tunnel *t) {
    size_t n;
    for (unsigned char *at; !t->gone && (at = br_ssl_engine_sendrec_buf(t->engine, &n)) != NULL;) {
        t->held = t->tcp && t->more;
        ssize_t w = t->held ? send(t->out, at, n, MSG_MORE) : write(t->out, at, n);
        if (w < 0 && errno == EAGAIN)
            return;
        if (w < 0) {
            t->gone = true;
            return;
        }
        t->cut = (size_t)w < n;
        t->stall.at = CLOCK_NEVER; /* set anew by wait_for_either */
        br_ssl_engine_sendrec_ack(t->engine, (size_t)w);
    }
}

static void push_records(struct tunnel *t) {
    t->more = false;
    if (t->held)
        peer_no_delay(t->out); /* set anew, it sends what waits */
    t->held = false;
}

/* Reads as much of the client's records as the engine has room for. False when nothing is there. */
static bool receive_records(struct tunnel *t) {
    size_t n;
    unsigned char *at = br_ssl_engine_recvrec_buf(t->engine, &n);
    if (at == NULL || t->client_ended || t->gone)
        return false;
    ssize_t r = read(t->in, at, n);
    if (r < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* Without a close_notify before it, the end is no end of the client's input but a connection
     * that broke (RFC 5246, section 7.2.1). */
    if (r <= 0) {
        t->gone = true;
        return false;
    }
    br_ssl_engine_recvrec_ack(t->engine, (size_t)r);
    return true;
}

/* ---- waiting ---- */

/* Waits until something can go on. Where the deadline passes, or the client has taken nothing for
 * too long, it counts as gone. */
static void wait_for_either(struct tunnel *t, int64_t deadline) {
    unsigned state = br_ssl_engine_current_state(t->engine);
    int64_t now = clock_now();
    bool sending = (state & BR_SSL_SENDREC) != 0;
    bool receiving = (state & BR_SSL_RECVREC) != 0 && !t->client_ended && !t->program_ended;
    short program = t->program_ended ? 0
                                     : (short)((state & BR_SSL_SENDAPP ? POLLIN : 0)
                                               | (state & BR_SSL_RECVAPP ? POLLOUT : 0));
    struct pollfd fds[] = {{.fd = receiving ? t->in : -1, .events = POLLIN},
                           {.fd = t->out, .events = sending ? POLLOUT : 0},
                           {.fd = program != 0 ? t->program : -1, .events = program}};
    int64_t stall_at = peer_stall_watch(&t->stall, t->out, sending, now);
    struct timespec ts;
    (void)ppoll(fds, 3, clock_left(clock_earlier(deadline, stall_at), now, &ts), NULL);
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
    peer_hold_no_more_than(out, LIMIT_UNSENT);
}

/* Reads up to n bytes of what comes first; 0 when nothing comes. */
static size_t read_early(struct tunnel *t, unsigned char *at, size_t n, int64_t deadline) {
    for (;;) {
        ssize_t r = read(t->in, at, n);
        if (r >= 0 || (errno != EAGAIN && errno != EINTR))
            return r > 0 ? (size_t)r : 0;
        wait_for_either(t, deadline);
        if (t->gone)
            return 0;
    }
}

/* What the n bytes, and as many of those that follow as it takes, begin in clear text: a request's
 * method and a space, or a header of the PROXY protocol (haproxy's proxy-protocol.txt, section
 * 2). */
static enum tunnel_hello read_clear_text(struct tunnel *t, const unsigned char *first, size_t n,
                                         int64_t deadline) {
    static const struct {
        const char *bytes;
        size_t n;
        enum tunnel_hello is;
    } known[] = {
        {"GET ", 4, HELLO_HTTP},     {"HEAD ", 5, HELLO_HTTP},
        {"POST ", 5, HELLO_HTTP},    {"PUT ", 4, HELLO_HTTP},
        {"DELETE ", 7, HELLO_HTTP},  {"OPTIONS ", 8, HELLO_HTTP},
        {"PATCH ", 6, HELLO_HTTP},   {"TRACE ", 6, HELLO_HTTP},
        {"CONNECT ", 8, HELLO_HTTP}, {"PRI ", 4, HELLO_HTTP},
        {"PROXY ", 6, HELLO_PROXY},  {"\r\n\r\n\0\r\nQUIT\n", 12, HELLO_PROXY},
    };
    char start[12];
    memcpy(start, first, n);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        while (n < known[i].n && memcmp(start, known[i].bytes, n) == 0) {
            size_t more = read_early(t, (unsigned char *)start + n, 1, deadline);
            if (more == 0)
                return HELLO_STRANGE;
            n += more;
        }
        if (n >= known[i].n && memcmp(start, known[i].bytes, known[i].n) == 0)
            return known[i].is;
    }
    return HELLO_STRANGE;
}

/* The connection's first byte is the type of a record, or what somebody sends who speaks something
 * else. */
static enum tunnel_hello read_first(struct tunnel *t, int64_t deadline) {
    size_t room;
    unsigned char *at = br_ssl_engine_recvrec_buf(t->engine, &room);
    size_t n = read_early(t, at, room < RECORD_HEAD ? room : RECORD_HEAD, deadline);
    if (n == 0)
        return HELLO_FAILED;
    if (at[0] != RECORD_HANDSHAKE)
        return read_clear_text(t, at, n, deadline);
    br_ssl_engine_recvrec_ack(t->engine, n);
    return HELLO_TLS;
}

/* Whether the handshake is done. BearSSL's private field: application_data is 1 from then on.
 * (vendor/README.md, "A new version") */
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
        /* a client that sends on and on gets no more time by that */
        while (!is_through(t->engine) && clock_now() < deadline && receive_records(t))
            send_records(t);
        if (t->gone || br_ssl_engine_current_state(t->engine) == BR_SSL_CLOSED)
            return HELLO_FAILED;
        if (!is_through(t->engine))
            wait_for_either(t, deadline);
        if (t->gone)
            return HELLO_FAILED;
    }
    return HELLO_TLS;
}

/* ---- the program's side ---- */

/* Gives the program what has been decrypted. Where it reads no more, that is dropped. */
static void deliver_input(struct tunnel *t) {
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
static void collect_output(struct tunnel *t) {
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

/* Once the client has ended its input and the program has all of it, the program is told. */
static void pass_end(struct tunnel *t) {
    size_t n;
    if (!t->client_ended || t->input_ended || br_ssl_engine_recvapp_buf(t->engine, &n) != NULL)
        return;
    t->input_ended = true;
    shutdown(t->program, SHUT_WR);
    peer_probe(t->out, 1, 1, 2); /* is it still there for the response? */
}

bool tunnel_carry(struct tunnel *t, int program) {
    tunnel_watch_alerts(t);
    t->program = program;
    while (!t->gone && !t->program_ended) {
        deliver_input(t);
        for (int turn = 0; turn < LIMIT_TLS_TURN && receive_records(t); turn++) {
            send_records(t);
            deliver_input(t);
        }
        pass_end(t);
        collect_output(t);
        if (br_ssl_engine_current_state(t->engine) == BR_SSL_CLOSED) {
            tunnel_alert_failure(t);
            return false;
        }
        if (!t->gone && !t->program_ended)
            wait_for_either(t, CLOCK_NEVER);
        send_records(t);
    }
    while (!t->gone && (br_ssl_engine_current_state(t->engine) & BR_SSL_SENDREC) != 0) {
        wait_for_either(t, CLOCK_NEVER);
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
        deliver_input(t);
        while (receive_records(t))
            deliver_input(t);
        unsigned state = br_ssl_engine_current_state(t->engine);
        if (t->gone || t->client_ended || state == BR_SSL_CLOSED)
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
