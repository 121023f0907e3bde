#include "core/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

/* What is at hand. */
struct passing {
    struct record_reader *reader;
    struct front_link *front;
    struct record_about about; /* as of the last look */
    int out;           /* the pipe to the front; -1 before it is there, and once it is closed */
    int64_t left;      /* bytes that are still to be passed on, at most */
    char piece[16384]; /* of which [from, to) is next */
    size_t from, to;
};

/* ---- what the front is told ---- */

static void tell(struct front_link *front, const struct message *m, const void *text, size_t n,
                 const int *fd) {
    front_link_send(front, m, text, n, fd, fd != NULL);
}

void follow_tell_state(const struct record_about *about, struct front_link *front) {
    const struct message m = {.type = MESSAGE_RECORD};
    tell(front, &m, about, sizeof *about, NULL);
}

static void begin(struct passing *p) {
    struct message m = {.type = MESSAGE_STARTED};
    int ends[2] = {-1, -1};
    follow_tell_state(&p->about, p->front);
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", p->about.run);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
        front_link_close(p->front);
    else
        tell(p->front, &m, NULL, 0, &ends[0]);
    fd_close(&ends[0]);
    p->out = ends[1];
}

static void end(struct passing *p) {
    struct message m = {.type = MESSAGE_ENDED};
    fd_close(&p->out);
    m.outcome.kind = (uint8_t)record_outcome(&p->about);
    m.outcome.is_last = run_told() != 0;
    m.outcome.code = p->about.code;
    m.outcome.signal = p->about.signal;
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", p->about.run);
    tell(p->front, &m, NULL, 0, NULL);
}

/* ---- the output ---- */

/* Moves what there is. Returns whether all of it has been taken. */
static bool move(struct passing *p) {
    for (;;) {
        if (p->from == p->to) {
            size_t most = sizeof p->piece;
            if (p->left < (int64_t)most)
                most = (size_t)p->left;
            p->from = 0;
            p->to = most > 0 ? record_read(p->reader, p->piece, most) : 0;
            p->left -= (int64_t)p->to;
        }
        if (p->from == p->to || p->out == -1)
            return true;
        ssize_t n = write(p->out, p->piece + p->from, p->to - p->from);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0 && errno != EINTR) /* the front reads no more */
            fd_close(&p->out);
        p->from += n > 0 ? (size_t)n : 0;
    }
}

/* ---- the loop ---- */

/* The keeper has said something; or it has closed the pipe, and there is nobody to wait for. */
static void take_wake(struct record_reader *r) {
    char bytes[4096];
    if (read(r->wake, bytes, sizeof bytes) == 0)
        fd_close(&r->wake);
}

enum { FD_FRONT, FD_SIGNALS, FD_WAKE, FD_OUT, FD_COUNT };

/* Waits for the keeper, unless the end is known, for the front, or NULL, and for room in the pipe,
 * or -1. */
static void wait_for_event(struct record_reader *r, struct front_link *front, int out,
                           bool is_known) {
    struct pollfd fds[FD_COUNT] = {
        [FD_FRONT] = {.fd = front != NULL ? front->fd : -1, .events = POLLIN},
        [FD_SIGNALS] = {.fd = run_signals(), .events = POLLIN},
        [FD_WAKE] = {.fd = r->wake, .events = POLLIN},
        [FD_OUT] = {.fd = out, .events = POLLOUT},
    };
    struct timespec ts;
    int64_t now = clock_now(), deadline = CLOCK_NEVER;
    if (r->wake == -1 && !is_known)
        deadline = clock_after(now, LIMIT_FOLLOW_LOOK_MS);
    if (ppoll(fds, FD_COUNT, clock_left(deadline, now, &ts), NULL) <= 0)
        return;
    if (fds[FD_WAKE].revents != 0)
        take_wake(r);
    if (fds[FD_SIGNALS].revents != 0)
        run_take_signals();
    if (fds[FD_FRONT].revents != 0)
        front_link_receive(front);
}

void follow_pass_on(struct record_reader *r, enum follow_until until, struct front_link *front) {
    static struct passing p; /* large */
    p = (struct passing){.reader = r, .front = front, .out = -1, .left = INT64_MAX};
    front->counted = front->slow = false;
    front->slow_after = clock_after(clock_now(), LIMIT_SLOW_MS);
    for (;;) {
        /* The look comes before the reading: what has ended has no more output than is read. */
        record_look(r, &p.about);
        if (p.about.state == RECORD_SHARED && record_open_shared(r)) {
            record_look(r, &p.about);
            if (p.out != -1)
                follow_tell_state(&p.about, front);
        }
        bool over = record_is_over(&p.about) || until == FOLLOW_TO_NOW, all = true;
        if (p.out == -1 && front->fd != -1 && (until != FOLLOW_AFTER_END || over)) {
            if (until == FOLLOW_TO_NOW)
                p.left = p.about.length;
            begin(&p);
        }
        if (p.out != -1)
            all = move(&p);
        if (front->fd == -1 || run_told() != 0 || (over && (all || p.out == -1)))
            break;
        wait_for_event(r, front, all ? -1 : p.out, over);
    }
    front->slow_after = 0;
    end(&p);
}

void follow_await(struct record_reader *r, struct record_about *about) {
    record_open_shared(r);
    for (;;) {
        record_look(r, about);
        if (record_is_over(about) || run_told() != 0)
            return;
        wait_for_event(r, NULL, -1, false);
    }
}
