#include "core/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

enum { FD_OUT = FRONTEND_FDS, FD_IN = FD_OUT + RUN_PIPES, FD_LINK, FD_COUNT };

/* ---- between the command and the client ---- */

/* Makes the pipes of the output wide ones (F_SETPIPE_SZ, fcntl(2)), for bulk output: twice the
 * throughput where the command writes large pieces. For a few lines it would be a call too many.
 * Where it is not allowed, they stay as they are. */
static void widen_pipes(struct relay *r) {
    for (int i = 0; i < RUN_PIPES && !r->wide; i++)
        if (r->out[i] != -1)
            fcntl(r->out[i], F_SETPIPE_SZ, LIMIT_PIPE);
    r->wide = true;
}

/* Moves what a pipe has into the client's room, until one of them ends. */
static void read_output(struct relay *r, int stream) {
    char *at;
    int *pipe = &r->out[stream];
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
    if (!r->ended) /* else count_output has counted it */
        r->bytes += n;
    if (r->bytes >= LIMIT_HELD)
        widen_pipes(r);
    r->client->ops->output(r->client, stream, (size_t)n);
}

static void write_input(struct relay *r) {
    const char *at;
    size_t n = r->client->ops->input(r->client, &at);
    if (n == 0)
        return;
    ssize_t w = write(r->input, at, n);
    if (w < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (w < 0)
        fd_close(&r->input); /* the command reads no more */
    else
        r->client->ops->taken(r->client, (size_t)w);
}

/* ---- the monitor's messages ---- */

static void send_count(struct relay *r) {
    struct message m = {.type = MESSAGE_COUNT};
    m.count.bytes = r->bytes;
    if (r->counted)
        return;
    r->counted = true;
    if (r->link != -1 && message_send(r->link, &m, NULL, 0, NULL, 0) == -1)
        fd_close(&r->link);
}

/* The run is over. What a daemon that it left behind writes later is not its output any more. */
static void count_output(struct relay *r) {
    for (int i = 0; i < RUN_PIPES && !r->ended; i++) {
        int left = 0;
        if (r->out[i] != -1 && ioctl(r->out[i], FIONREAD, &left) == -1)
            left = 0;
        r->most[i] = left;
        r->bytes += left;
    }
    r->ended = true;
    fd_close(&r->input);
    send_count(r);
}

/* Where the output of a run has come to its end the monitor need not ask. */
static void tell_end_of_output(struct relay *r) {
    if (r->counts && r->out[RUN_OUT] == -1 && r->out[RUN_ERR] == -1)
        send_count(r);
}

/* The command's output comes by one pipe or two, and then there may be one for its input. */
static void take_pipes(struct relay *r, struct outcome *o) {
    int *fds = r->in->fds, n = 0, count = 0;
    while (count < MESSAGE_FDS && fds[count] != -1)
        count++;
    bool writable = count > 1 && (fcntl(fds[count - 1], F_GETFL) & O_ACCMODE) == O_WRONLY;
    for (; n < RUN_PIPES && n < count - writable; n++)
        r->out[n] = fds[n];
    r->input = writable ? fds[count - 1] : -1;
    r->counts = n > 0 && r->in->m.outcome.code == MESSAGE_COUNTS;
    r->started = true;
    o->kind = OUTCOME_GONE; /* what it is if the monitor is not heard of again */
    r->client->ops->started(r->client, r->in->m.outcome.run);
}

static void take_record(struct relay *r) {
    struct record_about about;
    if (r->in->text_n != sizeof about || r->client->ops->record == NULL)
        return;
    memcpy(&about, r->in->text, sizeof about);
    r->client->ops->record(r->client, &about);
}

static void take_outcome(struct relay *r, struct outcome *o) {
    const struct message *m = &r->in->m;
    *o = (struct outcome){.kind = (enum outcome_kind)m->outcome.kind,
                          .code = m->outcome.code,
                          .signal = m->outcome.signal,
                          .run = m->outcome.run,
                          .reason = r->in->text,
                          .busy = r->in->text};
}

/* Returns whether the outcome is known. */
static bool take_message(struct relay *r, struct outcome *o) {
    switch (message_receive(r->link, r->in)) {
    case RECEIPT_NONE: return false;
    case RECEIPT_END:
    case RECEIPT_INVALID: break;
    case RECEIPT_MESSAGE:
        switch (r->in->m.type) {
        case MESSAGE_RECORD: take_record(r); return false;
        case MESSAGE_STARTED: take_pipes(r, o); return false;
        case MESSAGE_ENDING: count_output(r); return false;
        case MESSAGE_REFUSED:
        case MESSAGE_ENDED: take_outcome(r, o); return true;
        default: break;
        }
    }
    /* The monitor has gone: nobody knows how the run ends. Or the client has to, being slow. */
    r->client->gone = r->client->gone || r->slow;
    fd_close(&r->link);
    r->most[RUN_OUT] = r->most[RUN_ERR] = 0;
    return true;
}

/* ---- a slow client ---- */

/* While the command's output waits for the client, the run lasts as long as the client likes, and
 * so does its lock. What a client takes the front alone can see: it tells the monitor after each
 * LIMIT_SLOW_MS of less than LIMIT_SLOW_BYTES, which decides whether anybody minds. So nobody has
 * to look who waits for a lock, or tell of it, as long as no client is slow. A front that says
 * nothing gains its client what a client without a lock has: COMMAND_TIMEOUT ends that. */

static bool is_held_up(struct relay *r) {
    char *at;
    for (int i = 0; i < RUN_PIPES; i++)
        if (r->out[i] != -1 && r->client->ops->room(r->client, i, &at) == 0)
            return true;
    return false;
}

static void begin_measuring(struct relay *r, int64_t now) {
    r->slow_at = clock_after(now, LIMIT_SLOW_MS);
    r->taken = r->bytes - r->client->ops->unsent(r->client);
}

/* Before the wait: gives the time when that has to end. Where the client is measured and there is
 * room again, it is at once, to see whether there is output to fill it. */
static int64_t watch_pace(struct relay *r, int64_t now) {
    r->held_up = is_held_up(r);
    if (r->ended)
        r->slow_at = CLOCK_NEVER;
    else if (r->held_up && r->slow_at == CLOCK_NEVER)
        begin_measuring(r, now);
    return r->slow_at == CLOCK_NEVER || r->held_up ? r->slow_at : now;
}

/* After the wait. */
static void judge_pace(struct relay *r, const struct pollfd fds[FD_COUNT], int64_t now) {
    const struct message m = {.type = MESSAGE_SLOW};
    int64_t taken = r->taken;
    if (!r->held_up && fds[FD_OUT + RUN_OUT].revents == 0 && fds[FD_OUT + RUN_ERR].revents == 0) {
        r->slow_at = CLOCK_NEVER; /* it has all there is */
        r->slow = false;
    }
    if (now < r->slow_at)
        return;
    begin_measuring(r, now);
    if (r->taken - taken < LIMIT_SLOW_BYTES && r->link != -1)
        r->slow = message_send(r->link, &m, NULL, 0, NULL, 0) == 0;
}

/* ---- the loop ---- */

/* Fills in what to wait for, and gives the time when that ends. */
static int64_t prepare_wait(struct relay *r, struct pollfd fds[FD_COUNT], bool known, int64_t now) {
    const struct frontend_ops *ops = r->client->ops;
    char *room;
    const char *input;
    bool has_input = r->input != -1 && ops->input(r->client, &input) > 0;
    if (r->input != -1 && !has_input && ops->input_ended(r->client))
        fd_close(&r->input);
    if (r->started)
        r->client->input_closed = r->input == -1;
    int64_t deadline = ops->watch(r->client, fds, now);
    for (int i = 0; i < RUN_PIPES; i++)
        fds[FD_OUT + i] = (struct pollfd){
            .fd = r->out[i] != -1 && ops->room(r->client, i, &room) > 0 ? r->out[i] : -1,
            .events = POLLIN};
    fds[FD_IN] = (struct pollfd){.fd = r->input, .events = has_input ? POLLOUT : 0};
    fds[FD_LINK] = (struct pollfd){.fd = known ? -1 : r->link, .events = POLLIN};
    return deadline;
}

static bool has_output(const struct relay *r) {
    for (int i = 0; i < RUN_PIPES; i++)
        if (r->out[i] != -1 && r->most[i] > 0)
            return true;
    return false;
}

static void wait_for_event(struct relay *r, struct pollfd fds[FD_COUNT], bool known) {
    struct timespec ts;
    int64_t now = clock_now(), deadline = prepare_wait(r, fds, known, now);
    deadline = clock_earlier(deadline, watch_pace(r, now));
    if (ppoll(fds, FD_COUNT, clock_left(deadline, now, &ts), NULL) < 0)
        for (int i = 0; i < FD_COUNT; i++)
            fds[i].revents = 0;
    judge_pace(r, fds, clock_now());
}

void relay_run(struct relay *r, struct outcome *o) {
    struct frontend *client = r->client;
    struct pollfd fds[FD_COUNT];
    bool known = false;
    static const struct pollfd nothing[FRONTEND_FDS];
    r->out[RUN_OUT] = r->out[RUN_ERR] = r->input = -1;
    r->most[RUN_OUT] = r->most[RUN_ERR] = INT64_MAX;
    r->slow_at = CLOCK_NEVER;
    client->ops->ready(client, nothing, clock_now()); /* whether the client is there at all */
    while (!client->gone && (!known || has_output(r))) {
        wait_for_event(r, fds, known);
        client->ops->ready(client, fds, clock_now());
        for (int i = 0; i < RUN_PIPES; i++) {
            if (fds[FD_OUT + i].revents != 0)
                read_output(r, i);
            if ((fds[FD_OUT + i].revents & (POLLIN | POLLHUP)) == (POLLIN | POLLHUP))
                read_output(r, i); /* mostly that was all, and here is the end */
        }
        tell_end_of_output(r);
        if (fds[FD_IN].revents & (POLLERR | POLLHUP))
            fd_close(&r->input);
        else if (fds[FD_IN].revents != 0)
            write_input(r);
        if (fds[FD_LINK].revents != 0)
            known = take_message(r, o);
    }
    if (!known) { /* the client is gone, and the monitor learns it by that */
        o->kind = OUTCOME_GONE;
        send_count(r);
        fd_close(&r->link);
    }
    for (int i = 0; i < RUN_PIPES; i++)
        fd_close(&r->out[i]);
    fd_close(&r->input);
}
