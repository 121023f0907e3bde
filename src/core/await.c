#include "core/await.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

enum { FD_FRONT = RUN_PIPES, FD_SIGNALS, FD_CONTROL, FD_COUNT };

void front_link_close(struct front_link *f) { fd_close(&f->fd); }

/* While a request is served a front has but two things to say. */
static bool is_sound(struct front_link *f) {
    const struct message *m = &f->in.m;
    if (f->in.fds[0] != -1 || f->in.text_n > 0)
        return false;
    if (m->type == MESSAGE_SLOW && f->slow_after != 0 && clock_now() >= f->slow_after) {
        f->slow = true;
        f->slow_after += LIMIT_SLOW_MS;
        return true;
    }
    if (m->type != MESSAGE_COUNT || f->counted || m->count.bytes < 0
        || m->count.bytes > LIMIT_COUNT)
        return false;
    f->counted = true;
    f->bytes = m->count.bytes;
    return true;
}

void front_link_receive(struct front_link *f) {
    switch (message_receive(f->fd, &f->in)) {
    case RECEIPT_NONE: return;
    case RECEIPT_END: break;
    case RECEIPT_INVALID: f->invalid = true; break;
    case RECEIPT_MESSAGE:
        f->invalid = !is_sound(f);
        message_drop_fds(&f->in);
        if (!f->invalid)
            return;
    }
    front_link_close(f);
}

void front_link_send(struct front_link *f, const struct message *m, const void *text, size_t n,
                     const int *fds, size_t count) {
    if (f->fd != -1 && message_send(f->fd, m, text, n, fds, count) == -1)
        front_link_close(f);
}

bool front_link_wait(struct front_link *f, int fd, short events) {
    struct pollfd fds[3] = {{.fd = fd, .events = events},
                            {.fd = f->fd, .events = POLLIN},
                            {.fd = run_signals(), .events = POLLIN}};
    if (poll(fds, 3, -1) <= 0)
        return true;
    if (fds[1].revents != 0)
        front_link_receive(f);
    if (fds[2].revents != 0)
        run_take_signals();
    return f->fd != -1 && run_told() == 0;
}

static int wait_for_fds(struct pollfd fds[FD_COUNT], struct record *record, int64_t deadline) {
    struct timespec ts;
    fds[FD_SIGNALS] = (struct pollfd){.fd = run_signals(), .events = POLLIN};
    fds[FD_CONTROL] =
        (struct pollfd){.fd = record != NULL ? record->control : -1, .events = POLLIN};
    int n = ppoll(fds, FD_COUNT, clock_left(deadline, clock_now(), &ts), NULL);
    if (n < 0)
        for (int i = 0; i < FD_COUNT; i++)
            fds[i].revents = 0;
    if (fds[FD_SIGNALS].revents != 0)
        run_take_signals();
    if (fds[FD_CONTROL].revents != 0)
        record_take_control(record);
    return n;
}

enum await_lock await_lock(struct front_link *f, struct record *record, pid_t child,
                           int64_t deadline, bool leave) {
    for (;;) {
        int status;
        struct pollfd fds[FD_COUNT] = {{.fd = -1}, {.fd = -1}, {.fd = f->fd, .events = POLLIN}};
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? AWAIT_FAILED : AWAIT_DONE;
        if (clock_now() >= deadline || run_told() != 0 || (f->fd == -1 && leave)
            || (record != NULL && record->is_killed)) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return AWAIT_NO_MORE;
        }
        if (wait_for_fds(fds, record, deadline) > 0 && fds[FD_FRONT].revents != 0)
            front_link_receive(f);
    }
}

/* ---- the command's end ---- */

/* The front has read up to here and reads no more; or there is a record. Returns the count of
 * bytes. */
static ssize_t take_output(struct await *a, int stream) {
    static char piece[LIMIT_HELD]; /* large */
    ssize_t n = read(a->run->out[stream], piece, sizeof piece);
    if (n > 0)
        a->bytes += n;
    if (n > 0 && a->record != NULL)
        record_add(a->record, piece, (size_t)n);
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&a->run->out[stream]);
    return n;
}

/* Looks after the command: its deadline, its client, its end. */
static void look_after(struct await *a, int64_t now) {
    struct run *run = a->run;
    if (now >= a->deadline && !a->timed_out && !run->reaped) {
        a->timed_out = true;
        run_end(run, false, now);
    }
    if (a->record != NULL && a->record->is_killed && !run->reaped) {
        a->was_killed = true;
        run_end(run, false, now);
    }
    a->was_gone = a->front->fd == -1;
    if (run_told() != 0 || (a->was_gone && a->hangup))
        run_end(run, run_told() == 0, now);
    run_tick(run, now);
    run_is_over(run);
}

/* The front says that its client takes next to nothing: where others want the lock, it is gone. */
static void judge_client(struct await *a) {
    a->front->slow = false;
    if (a->lock->fd == -1 || !lock_is_wanted(a->lock, LIMIT_SLOW_MS - LIMIT_SLOW_SKEW_MS))
        return;
    a->was_slow = true;
    front_link_close(a->front);
}

static int64_t next_deadline(const struct await *a, int64_t now) {
    const struct run *run = a->run;
    int64_t deadline = run->next_signal;
    if (!run->reaped && !a->timed_out)
        deadline = clock_earlier(deadline, a->deadline);
    if (run->reaped)
        deadline = clock_earlier(deadline, clock_after(now, LIMIT_GROUP_LOOK_MS));
    return deadline;
}

static void wait_for_event(struct await *a) {
    struct pollfd fds[FD_COUNT];
    for (int i = 0; i < RUN_PIPES; i++)
        fds[i] = (struct pollfd){
            .fd = a->front->fd == -1 || a->record != NULL ? a->run->out[i] : -1, .events = POLLIN};
    fds[FD_FRONT] = (struct pollfd){.fd = a->front->fd, .events = POLLIN};
    if (wait_for_fds(fds, a->record, next_deadline(a, clock_now())) <= 0)
        return;
    if (fds[FD_FRONT].revents != 0)
        front_link_receive(a->front);
    if (a->front->slow)
        judge_client(a);
    for (int i = 0; i < RUN_PIPES; i++)
        if (fds[i].revents != 0)
            take_output(a, i);
}

/* Reads what there is at the end of the run. What a daemon that it left behind writes later is not
 * its output any more. */
static void record_rest(struct await *a) {
    for (int i = 0; i < RUN_PIPES; i++) {
        int left = 0;
        if (a->run->out[i] != -1 && ioctl(a->run->out[i], FIONREAD, &left) == -1)
            left = 0;
        for (ssize_t n; left > 0 && a->run->out[i] != -1 && (n = take_output(a, i)) > 0;)
            left -= (int)n;
    }
}

static void await_count(struct front_link *f, int64_t deadline) {
    while (f->fd != -1 && !f->counted && clock_now() < deadline) {
        struct pollfd fds[FD_COUNT] = {{.fd = -1}, {.fd = -1}, {.fd = f->fd, .events = POLLIN}};
        if (wait_for_fds(fds, NULL, deadline) > 0)
            front_link_receive(f);
    }
}

/* Whether all of the output has an end, to which the front comes by itself. */
static bool output_ends(const struct await *a) {
    struct pollfd fds[RUN_PIPES];
    int open = 0;
    for (int i = 0; i < RUN_PIPES; i++) {
        fds[i] = (struct pollfd){.fd = a->run->out[i]};
        open += a->run->out[i] != -1;
    }
    return open > 0 && poll(fds, RUN_PIPES, 0) == open;
}

/* Hears from the front, which knows what it has read, and sees what there is still to read. It is
 * asked where it does not say so by itself. */
static void count_output(struct await *a) {
    const struct message m = {.type = MESSAGE_ENDING};
    struct front_link *f = a->front;
    if (f->fd != -1 && !f->counted && output_ends(a))
        await_count(f, clock_after(clock_now(), LIMIT_COUNT_UNASKED_MS));
    if (f->fd != -1 && !f->counted && message_send(f->fd, &m, NULL, 0, NULL, 0) == -1)
        front_link_close(f);
    await_count(f, clock_after(clock_now(), LIMIT_COUNT_MS));
    for (int i = 0; i < RUN_PIPES && f->fd == -1; i++) {
        int left = 0;
        if (a->run->out[i] != -1 && ioctl(a->run->out[i], FIONREAD, &left) == 0)
            a->bytes += left;
    }
    a->bytes = f->counted ? f->bytes + a->bytes : -1;
}

void await_end(struct await *a) {
    a->bytes = 0;
    a->front->counted = a->front->slow = false;
    a->front->slow_after = clock_after(a->run->started, LIMIT_SLOW_MS);
    look_after(a, clock_now());
    while (!a->run->over) {
        wait_for_event(a);
        look_after(a, clock_now());
    }
    if (a->record != NULL)
        record_rest(a);
    else
        count_output(a);
    a->front->slow_after = 0;
    run_close_pipes(a->run);
}
