#include "ssh/handoff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc_stat.h"
#include "core/audit.h"

/* The socket for the children of `pid`. */
static struct sockaddr_un socket_address(pid_t pid) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, HANDOFF_DIRECTORY "/%ld", (long)pid);
    return a;
}

/* ---- bastion ssh ---- */

/* Removes what processes that were killed have left. */
static void remove_stale_sockets(void) {
    DIR *dir = opendir(HANDOFF_DIRECTORY);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        uint64_t pid;
        if (num_decimal(e->d_name, strlen(e->d_name), INT32_MAX, &pid) && kill((pid_t)pid, 0) == -1
            && errno == ESRCH)
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    closedir(dir);
}

int handoff_listen(pid_t pid, uid_t uid) {
    struct sockaddr_un a = socket_address(pid);
    if ((mkdir(HANDOFF_DIRECTORY, 0711) == -1 && errno != EEXIST)
        || prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
        return -1;
    remove_stale_sockets();
    /* What there is under the ids of this process and its child, both new, is stale too. */
    unlink(a.sun_path);
    unlink(socket_address(getpid()).sun_path);
    int refusal = open(socket_address(getpid()).sun_path,
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (refusal == -1)
        return -1;
    close(refusal);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && chmod(a.sun_path, 0600) == 0
        && chown(a.sun_path, uid, (gid_t)-1) == 0 && listen(fd, 8) == 0)
        return fd;
    int error = errno;
    fd_close(&fd);
    errno = error;
    return -1;
}

/* The control message of a byte with which a descriptor may come (unix(7), SCM_RIGHTS). */
union descriptor_control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static int send_descriptor(int other, int fd) {
    union descriptor_control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                                 .cmsg_level = SOL_SOCKET,
                                                 .cmsg_type = SCM_RIGHTS}};
    char byte = 0;
    struct iovec at = {&byte, 1};
    struct msghdr message = {.msg_iov = &at, .msg_iovlen = 1};
    if (fd != -1) {
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    return sendmsg(other, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Leaves *fd alone where the byte comes without one. Returns 0, or -1 when the byte does not
 * come. */
static int receive_descriptor(int other, int *fd) {
    union descriptor_control control;
    char byte;
    struct iovec at = {&byte, 1};
    /* Room for one descriptor: the kernel closes what is sent beyond. */
    struct msghdr message = {.msg_iov = &at,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_LEN(sizeof(int))};
    struct pollfd pfd = {.fd = other, .events = POLLIN};
    if (poll(&pfd, 1, LIMIT_HANDOFF_MS) != 1 || recvmsg(other, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS
        && head->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(head), sizeof *fd);
    return 0;
}

int handoff_accept(int listener, pid_t pid, uid_t uid, int *input) {
    struct ucred who;
    struct proc_stat shell;
    socklen_t n = sizeof who;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    *input = -1;
    if (fd != -1
        && (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == -1 || who.uid != uid
            || !proc_stat_read(&shell, who.pid) || shell.parent != pid
            || receive_descriptor(fd, input) == -1))
        fd_close(&fd);
    return fd;
}

static void put_string(struct buf *b, const char *text) { buf_bytes(b, text, strlen(text) + 1); }

/* On the wire: the descriptor; then strings, each with its NUL; an empty one ends them. */
int handoff_give(int shell, const struct handoff *handoff) {
    static char text[LIMIT_HANDOFF]; /* large */
    struct buf b = BUF_ON(text);
    put_string(&b, handoff->run);
    put_string(&b, handoff->user);
    put_string(&b, handoff->peer);
    put_string(&b, handoff->no_pty ? "no-pty" : "pty");
    for (char *const *e = handoff->environment; *e != NULL; e++)
        put_string(&b, *e);
    put_string(&b, "");
    if (b.full || send_descriptor(shell, handoff->record) == -1)
        return -1;
    return fd_write_all(shell, b.at, b.len, LIMIT_HANDOFF_MS);
}

/* Whether the bytes behind `from` can be of one line: printable ASCII, with the newline last. The
 * shell waits for the response to each line before it sends the next. */
static bool is_of_one_line(const struct handoff_lines *lines, size_t from) {
    for (size_t i = from; i < lines->n; i++) {
        char c = lines->line[i];
        if (c == '\n' ? i + 1 < lines->n : c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

int handoff_pass_line(int shell, struct handoff_lines *lines) {
    size_t before = lines->n;
    ssize_t got = recv(shell, lines->line + before, sizeof lines->line - before, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    lines->n += (size_t)got;
    if (!is_of_one_line(lines, before))
        return -1;
    if (lines->line[lines->n - 1] != '\n')
        return lines->n < sizeof lines->line ? 0 : -1;
    bool logged = log_line(lines->line, lines->n) == 0;
    lines->running = (lines->running || audit_is(lines->line, lines->n, "start"))
                     && !audit_is(lines->line, lines->n, "end");
    lines->n = 0;
    return fd_write_all(shell, logged ? "+" : "-", 1, LIMIT_HANDOFF_MS);
}

void handoff_close(int *listener, pid_t pid) {
    if (*listener != -1)
        unlink(socket_address(pid).sun_path);
    fd_close(listener);
}

void handoff_end(void) { unlink(socket_address(getpid()).sun_path); }

/* ---- the login shell ---- */

/* Receives until the empty string that ends the message. Returns 0, or -1. */
static int receive_strings(int fd, char *text, size_t cap) {
    int64_t deadline = clock_after(clock_now(), LIMIT_HANDOFF_MS);
    for (size_t n = 0; n < cap;) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - clock_now();
        ssize_t got =
            poll(&pfd, 1, left > 0 ? (int)left : 0) == 1 ? read(fd, text + n, cap - n) : 0;
        if (got <= 0)
            return -1;
        n += (size_t)got;
        if (n >= 2 && text[n - 1] == '\0' && text[n - 2] == '\0')
            return 0;
    }
    return -1;
}

/* Takes apart what was received. Returns 0, or -1 where it is not what handoff_give sends. */
static int read_strings(struct handoff *handoff, struct handoff_room *room, int record) {
    const char *field[4];
    size_t n = 0;
    char *at = room->text;
    for (; n < 4 && *at != '\0'; at += strlen(at) + 1)
        field[n++] = at;
    if (n < 4)
        return -1;
    for (n = 0; *at != '\0'; at += strlen(at) + 1) {
        if (n == LIMIT_ENVIRONMENT)
            return -1;
        room->environment[n++] = at;
    }
    room->environment[n] = NULL;
    *handoff = (struct handoff){.run = field[0],
                                .user = field[1],
                                .peer = field[2],
                                .no_pty = strcmp(field[3], "no-pty") == 0,
                                .record = record,
                                .environment = room->environment};
    return 0;
}

int handoff_ask(struct handoff *handoff, struct handoff_room *room, pid_t parent) {
    struct sockaddr_un a = socket_address(parent);
    int record = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof a) == -1) {
        int error = errno == ENOTDIR ? ENOENT : errno;
        fd_close(&fd);
        /* That nobody listens for the parent's children can be said only while it is there. */
        errno = parent == 1 || getppid() != parent ? ESRCH : error;
        return -1;
    }
    if (send_descriptor(fd, isatty(0) ? -1 : 0) == 0 && receive_descriptor(fd, &record) == 0
        && receive_strings(fd, room->text, sizeof room->text) == 0
        && read_strings(handoff, room, record) == 0)
        return fd;
    fd_close(&record);
    close(fd);
    errno = EPROTO;
    return -1;
}
