#include "docker/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "docker/command.h"
#include "docker/request.h"
#include "docker/terminal.h"

enum { ATTACH_FD_IN, ATTACH_FD_ENGINE, ATTACH_FD_OUT, ATTACH_FD_RESIZE, ATTACH_FD_COUNT };

/* Nothing here may block, and none of the three descriptors may be made non-blocking, since others
 * hold them too. A socket takes what it can (MSG_DONTWAIT), a file takes all, and so does a pipe
 * that could be opened anew, for this program alone (proc(5)); any other pipe, and a terminal,
 * takes a page once poll(2) calls it ready. */
enum sink { SINK_PAGE, SINK_PIPE, SINK_OWN_PIPE, SINK_FILE, SINK_SOCKET };

struct flow {
    const struct docker_attach *attach;
    struct docker_frames frames;
    enum sink sink[3];  /* the kinds of descriptors 1 and 2 */
    int sink_fd[3];     /* the descriptors that are written to in their place */
    struct slice piece; /* the part of the body, in the connection's buffer, not yet looked at */
    struct slice out;   /* the part of that, from its beginning, that is to be written next */
    int out_fd;         /* 1 or 2: where `out` goes */
    bool body_ended;
    bool input_open;
    struct buf in;  /* input that is to be sent */
    size_t in_from; /* the bytes of it that have been sent */
    enum docker_attach_end end;
};

/* The memory of struct flow's `in`: a whole read, and the keys that were held back before it. */
static char input_bytes[LIMIT_DOCKER_STREAM + sizeof(struct docker_detach_keys)];

static enum sink sink_kind(int fd) {
    struct stat st = {.st_mode = 0};
    (void)fstat(fd, &st); /* docker_main has seen to it that it is open */
    return S_ISSOCK(st.st_mode)   ? SINK_SOCKET
           : S_ISREG(st.st_mode)  ? SINK_FILE
           : S_ISFIFO(st.st_mode) ? SINK_PIPE
                                  : SINK_PAGE;
}

/* Opens the pipe anew, for this program alone. This is done at the first write of more than a page,
 * so that short outputs do without. */
static void reopen_pipe(struct flow *f, int fd) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    f->sink[fd] = own != -1 ? SINK_OWN_PIPE : SINK_PAGE;
    f->sink_fd[fd] = own != -1 ? own : fd;
}

/* ---- output ---- */

/* Sets f->out to what is to be written next. False when nothing has come. */
static bool next_output(struct flow *f) {
    while (f->out.n == 0 && f->piece.n > 0) {
        enum docker_stream stream = DOCKER_STDOUT;
        f->out = f->piece;
        ssize_t used = f->attach->frames ? docker_frames_read(&f->frames, f->piece.at, f->piece.n,
                                                              &f->out, &stream)
                                         : (ssize_t)f->piece.n;
        if (used == -1) {
            docker_report_bad_frame(&f->frames);
            f->end = DOCKER_ATTACH_BAD_STREAM;
            return false;
        }
        f->piece = (struct slice){f->piece.at + used, f->piece.n - (size_t)used};
        if (stream == DOCKER_SYSTEMERR && f->out.n > 0) {
            docker_error("error from daemon in stream: %.*s", (int)f->out.n, f->out.at);
            f->end = DOCKER_ATTACH_BAD_STREAM;
            return false;
        }
        f->out_fd = stream == DOCKER_STDERR ? 2 : 1;
    }
    return f->out.n > 0;
}

/* False when it would block. */
static bool write_out(struct flow *f) {
    if (f->sink[f->out_fd] == SINK_PIPE && f->out.n > PIPE_BUF)
        reopen_pipe(f, f->out_fd);
    enum sink sink = f->sink[f->out_fd];
    bool by_page = sink == SINK_PAGE || sink == SINK_PIPE;
    size_t n = by_page && f->out.n > PIPE_BUF ? PIPE_BUF : f->out.n;
    int fd = f->sink_fd[f->out_fd];
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (by_page && poll(&ready, 1, 0) == 0)
        return false;
    ssize_t written =
        sink == SINK_SOCKET ? send(fd, f->out.at, n, MSG_DONTWAIT) : write(fd, f->out.at, n);
    if (written == -1 && errno == EAGAIN)
        return false;
    if (written == -1) {
        docker_error("write /dev/std%s: %s", f->out_fd == 1 ? "out" : "err", strerror(errno));
        f->end = DOCKER_ATTACH_OUTPUT_FAILED;
        return false;
    }
    f->out = (struct slice){f->out.at + written, f->out.n - (size_t)written};
    return true;
}

enum { ATTACH_TURN = 64 }; /* the most writes of output before input is looked at again */

/* Passes on the output that has come, until something would block or the turn is over. */
static void copy_output(struct flow *f) {
    for (int turn = 0; turn < ATTACH_TURN && f->end == DOCKER_ATTACH_ENDED; turn++) {
        if (next_output(f)) {
            if (!write_out(f))
                return;
            continue;
        }
        if (f->end != DOCKER_ATTACH_ENDED || f->body_ended)
            return;
        enum docker_read got = docker_body_next(f->attach->conn, &f->piece, false);
        if (got == DOCKER_READ_NOT_YET)
            return;
        f->body_ended = got != DOCKER_READ_DATA;
        if (got == DOCKER_READ_BROKEN)
            f->end = DOCKER_ATTACH_BROKEN;
    }
}

/* ---- input ---- */

static void read_input(struct flow *f) {
    char typed[LIMIT_DOCKER_STREAM];
    bool keys = f->attach->keys != NULL;
    f->in = BUF_ON(input_bytes);
    f->in_from = 0;
    ssize_t n = read(0, keys ? typed : input_bytes, LIMIT_DOCKER_STREAM);
    if (n == -1 && errno == EAGAIN)
        return;
    if (n <= 0) {
        f->input_open = false;
        shutdown(f->attach->conn->fd, SHUT_WR);
    } else if (!keys) {
        f->in.len = (size_t)n;
    } else if (docker_detach_keys_pass(f->attach->keys, typed, (size_t)n, &f->in)) {
        f->end = DOCKER_ATTACH_DETACHED;
    }
}

static void send_input(struct flow *f) {
    while (f->in_from < f->in.len) {
        ssize_t n = send(f->attach->conn->fd, f->in.at + f->in_from, f->in.len - f->in_from,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n == -1 && errno == EAGAIN)
            return;
        if (n == -1) { /* nobody reads it any more; the output may go on */
            f->input_open = false;
            f->in_from = f->in.len;
            return;
        }
        f->in_from += (size_t)n;
    }
}

/* ---- the loop ---- */

static void wait_for_io(struct flow *f) {
    const struct docker_attach *r = f->attach;
    bool writing = f->out.n > 0;
    bool sending = f->in_from < f->in.len;
    bool more = f->piece.n > 0 || r->conn->from < r->conn->to;
    struct timespec ts;
    struct pollfd fds[ATTACH_FD_COUNT] = {
        [ATTACH_FD_IN] = {.fd = f->input_open && !sending ? 0 : -1, .events = POLLIN},
        [ATTACH_FD_ENGINE] = {.fd = r->conn->fd,
                              .events = (short)((writing ? 0 : POLLIN) | (sending ? POLLOUT : 0))},
        [ATTACH_FD_OUT] = {.fd = writing ? f->sink_fd[f->out_fd] : -1, .events = POLLOUT},
        [ATTACH_FD_RESIZE] = {.fd = -1},
    };
    if (fds[ATTACH_FD_ENGINE].events == 0)
        fds[ATTACH_FD_ENGINE].fd = -1; /* a hang-up that nobody can look at yet would spin */
    int64_t now = clock_now(),
            deadline = r->resize != NULL ? docker_resize_watch(r->resize, &fds[ATTACH_FD_RESIZE])
                                         : CLOCK_NEVER;
    if (more && !writing)
        deadline = now; /* the turn was over with output left */
    if (ppoll(fds, ATTACH_FD_COUNT, clock_left(deadline, now, &ts), docker_terminal_mask()) == -1)
        fds[ATTACH_FD_IN].revents = 0;
    if (fds[ATTACH_FD_IN].revents != 0)
        read_input(f);
    if (r->resize != NULL) {
        if (docker_terminal_resized())
            docker_resize_changed(r->resize);
        docker_resize_continue(r->resize, clock_now());
    }
}

enum docker_attach_end docker_attach_run(const struct docker_attach *attach) {
    struct flow f = {.attach = attach,
                     .input_open = attach->input,
                     .sink = {[1] = sink_kind(1), [2] = sink_kind(2)},
                     .sink_fd = {[1] = 1, [2] = 2}};
    for (;;) {
        copy_output(&f);
        if (f.end != DOCKER_ATTACH_ENDED || (f.body_ended && f.out.n == 0 && f.piece.n == 0))
            return f.end;
        send_input(&f);
        wait_for_io(&f);
        send_input(&f);
    }
}
