#include "ssh/stdstreams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/peer.h"

static struct stdstreams *stdstreams_of(struct frontend *f) {
    return (struct stdstreams *)(void *)f;
}

enum { FD_OF_OUT = 1 }; /* RUN_OUT goes to descriptor 1, RUN_ERR to 2 */

/* Writes as much as the sshd takes now. */
static void flush_stream(struct stdstreams *s, int stream) {
    struct stream *o = &s->out[stream];
    while (o->from < o->to) {
        ssize_t n = write(FD_OF_OUT + stream, o->at + o->from, o->to - o->from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            o->closed = true;
            break;
        }
        o->from += (size_t)n;
    }
    o->from = o->to = 0;
}

/* ---- what the session calls ---- */

static void stdstreams_started(struct frontend *f, const char *run) {
    (void)f;
    (void)run;
}

static size_t stdstreams_room(struct frontend *f, int stream, char **at) {
    struct stream *o = &stdstreams_of(f)->out[stream];
    *at = o->at + o->to;
    return o->from < o->to ? 0 : sizeof o->at - o->to;
}

static void stdstreams_output(struct frontend *f, int stream, size_t n) {
    struct stdstreams *s = stdstreams_of(f);
    s->out[stream].to += n;
    if (s->out[stream].closed)
        s->out[stream].from = s->out[stream].to = 0;
    else
        flush_stream(s, stream);
}

static int64_t stdstreams_unsent(struct frontend *f) {
    const struct stdstreams *s = stdstreams_of(f);
    int64_t n = 0;
    for (int i = 0; i < RUN_PIPES; i++)
        n += (int64_t)(s->out[i].to - s->out[i].from) + peer_unsent(FD_OF_OUT + i);
    return n;
}

static size_t stdstreams_input(struct frontend *f, const char **at) {
    struct stream *i = &stdstreams_of(f)->in;
    *at = i->at + i->from;
    return i->to - i->from;
}

static void stdstreams_taken(struct frontend *f, size_t n) {
    struct stream *i = &stdstreams_of(f)->in;
    i->from += n;
    if (i->from == i->to)
        i->from = i->to = 0;
}

static bool stdstreams_input_ended(const struct frontend *f) {
    return ((const struct stdstreams *)(const void *)f)->input_ended;
}

static int64_t stdstreams_watch(struct frontend *f, struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct stdstreams *s = stdstreams_of(f);
    (void)now;
    bool reading = !s->input_ended && s->in.to == 0;
    fds[0] = (struct pollfd){.fd = reading ? 0 : -1, .events = POLLIN};
    for (int i = 0; i < RUN_PIPES; i++)
        fds[FD_OF_OUT + i] = (struct pollfd){
            .fd = s->out[i].from < s->out[i].to ? FD_OF_OUT + i : -1, .events = POLLOUT};
    return CLOCK_NEVER;
}

static void stdstreams_ready(struct frontend *f, const struct pollfd fds[FRONTEND_FDS],
                             int64_t now) {
    struct stdstreams *s = stdstreams_of(f);
    (void)now;
    if (fds[0].revents != 0) {
        ssize_t n = read(0, s->in.at, sizeof s->in.at);
        if (n > 0)
            s->in.to = (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            s->input_ended = true;
    }
    for (int i = 0; i < RUN_PIPES; i++)
        if (fds[FD_OF_OUT + i].revents != 0)
            flush_stream(s, i);
}

/* What it follows is a run that is kept. */
static void stdstreams_record(struct frontend *f, const struct record_about *about) {
    (void)about;
    stdstreams_of(f)->has_record = true;
}

/* Puts what the client reads besides the command's output, and sets the exit code where there was
 * no command to give one. */
static void put_outcome(struct stdstreams *s, const struct outcome *o) {
    struct stream *out = &s->out[o->kind == OUTCOME_SKIPPED ? RUN_OUT : RUN_ERR];
    struct buf b = BUF_ON(out->at);
    bool is_told = s->has_record && o->kind != OUTCOME_LOST; /* its output says so */
    /* A terminal whose line discipline is the command's, or nobody's yet, needs both. */
    if (!is_told)
        outcome_tell(&b, o, s->terminal ? "\r\n" : "\n");
    if (b.len > 0) { /* then no command ran whose output could stand there */
        out->from = 0;
        out->to = b.len;
    }
    if (o->kind == OUTCOME_BUSY || o->kind == OUTCOME_FULL)
        s->outcome.code = 75;
    else if (o->kind == OUTCOME_ERROR || o->kind == OUTCOME_LOST)
        s->outcome.code = 71;
}

/* Writes what is left, as long as the sshd takes it; of a client that counts as gone it is
 * dropped. */
static void stdstreams_ended(struct frontend *f, const struct outcome *o) {
    struct stdstreams *s = stdstreams_of(f);
    s->outcome = *o;
    if (f->gone)
        return;
    put_outcome(s, o);
    for (;;) {
        struct pollfd fds[FRONTEND_FDS];
        for (int i = 0; i < RUN_PIPES; i++)
            flush_stream(s, i);
        s->input_ended = true;
        stdstreams_watch(f, fds, 0);
        if (fds[1].fd == -1 && fds[2].fd == -1)
            return;
        if (poll(fds, FRONTEND_FDS, -1) == -1)
            for (int i = 0; i < FRONTEND_FDS; i++)
                fds[i].revents = 0;
        stdstreams_ready(f, fds, 0);
    }
}

void stdstreams_start(struct stdstreams *s, bool terminal) {
    static const struct frontend_ops ops = {
        stdstreams_started, stdstreams_room,  stdstreams_output,      stdstreams_unsent,
        stdstreams_input,   stdstreams_taken, stdstreams_input_ended, stdstreams_watch,
        stdstreams_ready,   stdstreams_ended, stdstreams_record};
    s->frontend = (struct frontend){.ops = &ops};
    s->terminal = terminal;
    s->has_record = false;
    s->input_ended = terminal; /* the command reads it itself */
    s->outcome = (struct outcome){.kind = OUTCOME_ERROR, .code = 71};
    s->in.from = s->in.to = 0;
    for (int i = 0; i < RUN_PIPES; i++)
        s->out[i].from = s->out[i].to = 0, s->out[i].closed = false;
    for (int fd = 0; fd < 3 && !terminal; fd++)
        fd_nonblock(fd);
}

void stdstreams_close(void) {
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}
