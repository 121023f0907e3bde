#include "core/relay.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

enum { OUT = CLIENT_FDS, IN, FDS };

static int wait_for(struct pollfd fds[FDS], int64_t deadline, int64_t now) {
    struct timespec ts;
    return ppoll(fds, FDS, clock_left(deadline, now, &ts), run_wait_mask());
}

/* Moves what the pipe has into the client's room, until one of them ends. At most `most` bytes. */
static void read_output(struct relay *r, int64_t *most) {
    char *at;
    size_t room = r->client->ops->room(r->client, &at);
    if (room == 0 || r->run->out == -1)
        return;
    if ((int64_t)room > *most)
        room = (size_t)*most;
    ssize_t n = read(r->run->out, at, room);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&r->run->out);
    if (n <= 0)
        return;
    *most -= n;
    if (!r->run->reaped) /* else take_end has counted it */
        r->bytes += n;
    if (r->bytes >= LIMIT_HELD)
        run_widen(r->run);
    r->client->ops->output(r->client, (size_t)n);
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

/* The command has ended. What a daemon that it left behind writes later is not its output any more. */
static void take_end(struct relay *r, int64_t *most) {
    int left = 0;
    if (r->run->out != -1 && ioctl(r->run->out, FIONREAD, &left) == -1)
        left = 0;
    *most = left;
    r->bytes += left;
    fd_close(&r->run->in);
    r->ended(r);
}

/* Fills in what to wait for, and gives the time when that ends. */
static int64_t prepare(struct relay *r, struct pollfd fds[FDS], int64_t now) {
    const struct client_ops *ops = r->client->ops;
    struct run *run = r->run;
    char *room;
    const char *input;
    bool has_input = run->in != -1 && ops->input(r->client, &input) > 0;
    if (!has_input && ops->input_ended(r->client))
        fd_close(&run->in);
    int64_t deadline = ops->watch(r->client, fds, now);
    fds[OUT] = (struct pollfd){.fd = ops->room(r->client, &room) > 0 ? run->out : -1, .events = POLLIN};
    fds[IN] = (struct pollfd){.fd = run->in, .events = has_input ? POLLOUT : 0};
    if (!run->reaped)
        deadline = clock_earlier(deadline, clock_earlier(run->next_signal, r->timed_out ? CLOCK_NEVER : r->deadline));
    return deadline;
}

void relay_run(struct relay *r) {
    struct client *client = r->client;
    struct run *run = r->run;
    int64_t most = INT64_MAX;
    while (!run->reaped || (run->out != -1 && most > 0 && !client->gone)) {
        struct pollfd fds[FDS];
        int64_t now = clock_now();
        int n = wait_for(fds, prepare(r, fds, now), now);
        now = clock_now();
        if (n < 0)
            for (int i = 0; i < FDS; i++)
                fds[i].revents = 0;
        client->ops->ready(client, fds, now);
        if (fds[OUT].revents != 0)
            read_output(r, &most);
        if (fds[IN].revents & (POLLERR | POLLHUP))
            fd_close(&run->in);
        else if (fds[IN].revents != 0)
            write_input(r);
        if (run->reaped)
            continue;
        if (now >= r->deadline && !r->timed_out) {
            r->timed_out = true;
            run_end(run, false, now);
        }
        if (run_told() != 0 || (client->gone && r->hangup))
            run_end(run, run_told() == 0, now);
        run_tick(run, now);
        if (run_reap(run))
            take_end(r, &most);
    }
    fd_close(&run->out);
    fd_close(&run->in);
}

bool relay_wait_child(struct client *c, pid_t child, int64_t deadline, bool leave) {
    for (;;) {
        struct pollfd fds[FDS];
        int64_t now = clock_now();
        int64_t client_deadline = c->ops->watch(c, fds, now);
        fds[OUT].fd = fds[IN].fd = -1;
        int n = wait_for(fds, clock_earlier(deadline, client_deadline), now);
        if (n >= 0)
            c->ops->ready(c, fds, clock_now());
        int status;
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (clock_now() >= deadline || run_told() != 0 || (c->gone && leave)) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return false;
        }
    }
}
