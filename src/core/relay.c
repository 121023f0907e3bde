#include "core/relay.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

enum { FD_OUT = FRONTEND_FDS, FD_IN = FD_OUT + RUN_PIPES, FD_COUNT };

static int wait_for_fds(struct pollfd fds[FD_COUNT], int64_t deadline, int64_t now) {
    struct timespec ts;
    return ppoll(fds, FD_COUNT, clock_left(deadline, now, &ts), run_wait_mask());
}

/* Moves what a pipe has into the client's room, until one of them ends. */
static void read_output(struct relay *r, int stream) {
    char *at;
    int *pipe = &r->run->out[stream];
    size_t room = r->client->ops->room(r->client, stream, &at);
    if (room == 0 || *pipe == -1)
        return;
    if ((int64_t)room > r->most[stream])
        room = (size_t)r->most[stream];
    ssize_t n = read(*pipe, at, room);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(pipe);
    if (n <= 0)
        return;
    r->most[stream] -= n;
    if (!r->run->over) /* else take_run_end has counted it */
        r->bytes += n;
    if (r->bytes >= LIMIT_HELD)
        run_widen(r->run);
    r->client->ops->output(r->client, stream, (size_t)n);
}

static void write_input(struct relay *r) {
    const char *at;
    size_t n = r->client->ops->input(r->client, &at);
    if (n == 0)
        return;
    ssize_t w = write(r->run->in, at, n);
    if (w < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (w < 0)
        fd_close(&r->run->in); /* the command reads no more */
    else
        r->client->ops->taken(r->client, (size_t)w);
}

/* The run is over. What a daemon that it left behind writes later is not its output any more. */
static void take_run_end(struct relay *r) {
    for (int i = 0; i < RUN_PIPES; i++) {
        int left = 0;
        if (r->run->out[i] != -1 && ioctl(r->run->out[i], FIONREAD, &left) == -1)
            left = 0;
        r->most[i] = left;
        r->bytes += left;
    }
    fd_close(&r->run->in);
    r->ended(r);
}

/* Fills in what to wait for, and gives the time when that ends. */
static int64_t prepare_wait(struct relay *r, struct pollfd fds[FD_COUNT], int64_t now) {
    const struct frontend_ops *ops = r->client->ops;
    struct run *run = r->run;
    char *room;
    const char *input;
    bool has_input = run->in != -1 && ops->input(r->client, &input) > 0;
    if (!has_input && ops->input_ended(r->client))
        fd_close(&run->in);
    r->client->input_closed = run->in == -1;
    int64_t deadline = ops->watch(r->client, fds, now);
    for (int i = 0; i < RUN_PIPES; i++)
        fds[FD_OUT + i] = (struct pollfd){
            .fd = ops->room(r->client, i, &room) > 0 ? run->out[i] : -1, .events = POLLIN};
    fds[FD_IN] = (struct pollfd){.fd = run->in, .events = has_input ? POLLOUT : 0};
    if (!run->reaped && !r->timed_out)
        deadline = clock_earlier(deadline, r->deadline);
    if (run->reaped && !run->over)
        deadline = clock_earlier(deadline, clock_after(now, LIMIT_GROUP_LOOK_MS));
    if (!run->over)
        deadline = clock_earlier(deadline, run->next_signal);
    return deadline;
}

static bool has_output(const struct relay *r) {
    for (int i = 0; i < RUN_PIPES; i++)
        if (r->run->out[i] != -1 && r->most[i] > 0)
            return true;
    return false;
}

/* Looks after the command: its deadline, its client, its end. */
static void look_after(struct relay *r, int64_t now) {
    struct run *run = r->run;
    if (now >= r->deadline && !r->timed_out && !run->reaped) {
        r->timed_out = true;
        run_end(run, false, now);
    }
    if (run_told() != 0 || (r->client->gone && r->hangup))
        run_end(run, run_told() == 0, now);
    run_tick(run, now);
    if (run_is_over(run))
        take_run_end(r);
}

void relay_run(struct relay *r) {
    struct frontend *client = r->client;
    struct run *run = r->run;
    for (int i = 0; i < RUN_PIPES; i++)
        r->most[i] = INT64_MAX;
    look_after(r, clock_now()); /* the client may be gone already, and then nothing would wake us */
    while (!run->over || (has_output(r) && !client->gone)) {
        struct pollfd fds[FD_COUNT];
        int64_t now = clock_now();
        int n = wait_for_fds(fds, prepare_wait(r, fds, now), now);
        now = clock_now();
        if (n < 0)
            for (int i = 0; i < FD_COUNT; i++)
                fds[i].revents = 0;
        client->ops->ready(client, fds, now);
        for (int i = 0; i < RUN_PIPES; i++)
            if (fds[FD_OUT + i].revents != 0)
                read_output(r, i);
        if (fds[FD_IN].revents & (POLLERR | POLLHUP))
            fd_close(&run->in);
        else if (fds[FD_IN].revents != 0)
            write_input(r);
        if (!run->over)
            look_after(r, now);
    }
    for (int i = 0; i < RUN_PIPES; i++)
        fd_close(&run->out[i]);
    fd_close(&run->in);
}

bool relay_wait_child(struct frontend *c, pid_t child, int64_t deadline, bool leave) {
    for (;;) {
        struct pollfd fds[FD_COUNT];
        int status;
        int64_t now = clock_now();
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (now >= deadline || run_told() != 0 || (c->gone && leave)) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return false;
        }
        int64_t client_deadline = c->ops->watch(c, fds, now);
        for (int i = FD_OUT; i < FD_COUNT; i++)
            fds[i].fd = -1;
        if (wait_for_fds(fds, clock_earlier(deadline, client_deadline), now) < 0)
            for (int i = 0; i < FD_COUNT; i++)
                fds[i].revents = 0;
        c->ops->ready(c, fds, clock_now());
    }
}
