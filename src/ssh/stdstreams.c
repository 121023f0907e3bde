#include "ssh/stdstreams.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

static struct stdstreams *of(struct frontend *c) { return (struct stdstreams *)(void *)c; }

enum { FD_OF_OUT = 1 }; /* RUN_OUT goes to descriptor 1, RUN_ERR to 2 */

static void flush(struct stdstreams *s, int stream) {
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

static void started(struct frontend *c, const char *run) {
    (void)c;
    (void)run;
}

static size_t room(struct frontend *c, int stream, char **at) {
    struct stream *o = &of(c)->out[stream];
    *at = o->at + o->to;
    return o->from < o->to ? 0 : sizeof o->at - o->to;
}

static void output(struct frontend *c, int stream, size_t n) {
    struct stdstreams *s = of(c);
    s->out[stream].to += n;
    if (s->out[stream].closed || c->gone)
        s->out[stream].from = s->out[stream].to = 0;
    else
        flush(s, stream);
}

static size_t input(struct frontend *c, const char **at) {
    struct stream *i = &of(c)->in;
    *at = i->at + i->from;
    return i->to - i->from;
}

static void taken(struct frontend *c, size_t n) {
    struct stream *i = &of(c)->in;
    i->from += n;
    if (i->from == i->to)
        i->from = i->to = 0;
}

static bool input_ended(const struct frontend *c) {
    return ((const struct stdstreams *)(const void *)c)->input_ended;
}

static int64_t watch(struct frontend *c, struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct stdstreams *s = of(c);
    (void)now;
    bool reading = !s->input_ended && s->in.to == 0 && !c->gone;
    fds[0] = (struct pollfd){.fd = reading ? 0 : -1, .events = POLLIN};
    for (int i = 0; i < RUN_PIPES; i++)
        fds[FD_OF_OUT + i] = (struct pollfd){
            .fd = s->out[i].from < s->out[i].to ? FD_OF_OUT + i : -1, .events = POLLOUT};
    return CLOCK_NEVER;
}

static void lose(struct stdstreams *s) {
    s->client.gone = true;
    s->input_ended = true;
    for (int i = 0; i < RUN_PIPES; i++)
        s->out[i].from = s->out[i].to = 0;
}

static void ready(struct frontend *c, const struct pollfd fds[FRONTEND_FDS], int64_t now) {
    struct stdstreams *s = of(c);
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
            flush(s, i);
    if (getppid() != s->parent) /* it wakes us: see stdstreams_start */
        lose(s);
}

/* Puts what the client reads besides the command's output, and sets the exit code where there was
 * no command to give one. */
static void tell(struct stdstreams *s, const struct outcome *o) {
    struct stream *out = &s->out[o->kind == OUTCOME_SKIPPED ? RUN_OUT : RUN_ERR];
    struct buf b = BUF_ON(out->at);
    /* A terminal whose line discipline is the command's, or nobody's yet, needs both. */
    outcome_tell(&b, o, s->terminal ? "\r\n" : "\n");
    if (b.len > 0) { /* then no command ran whose output could stand there */
        out->from = 0;
        out->to = b.len;
    }
    if (o->kind == OUTCOME_BUSY)
        s->outcome.code = 75;
    else if (o->kind == OUTCOME_ERROR)
        s->outcome.code = 71;
}

/* Writes what is left, as long as somebody takes it. Signals are blocked but for the waits, as in
 * the relay. */
static void ended(struct frontend *c, const struct outcome *o) {
    struct stdstreams *s = of(c);
    s->outcome = *o;
    tell(s, o);
    for (;;) {
        struct pollfd fds[FRONTEND_FDS];
        for (int i = 0; i < RUN_PIPES; i++)
            if (!c->gone)
                flush(s, i);
        s->input_ended = true;
        watch(c, fds, 0);
        if (fds[1].fd == -1 && fds[2].fd == -1)
            return;
        if (ppoll(fds, FRONTEND_FDS, NULL, run_wait_mask()) == -1)
            for (int i = 0; i < FRONTEND_FDS; i++)
                fds[i].revents = 0;
        ready(c, fds, 0);
    }
}

void stdstreams_start(struct stdstreams *s, pid_t parent, bool terminal) {
    static const struct frontend_ops ops = {started,     room,  output, input, taken,
                                            input_ended, watch, ready,  ended};
    s->client = (struct frontend){.ops = &ops};
    s->parent = parent;
    s->terminal = terminal;
    s->input_ended = terminal; /* the command reads it itself */
    s->outcome = (struct outcome){.kind = OUTCOME_ERROR, .code = 71};
    s->in.from = s->in.to = 0;
    for (int i = 0; i < RUN_PIPES; i++)
        s->out[i].from = s->out[i].to = 0, s->out[i].closed = false;
    for (int fd = 0; fd < 3 && !terminal; fd++)
        fd_nonblock(fd);
    /* Any signal that has a handler will do: the waits end, and `ready` looks. */
    prctl(PR_SET_PDEATHSIG, SIGCHLD);
    s->client.gone = getppid() != parent;
}

void stdstreams_close(struct stdstreams *s) {
    (void)s;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}
