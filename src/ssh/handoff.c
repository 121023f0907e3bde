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

static struct sockaddr_un address_for(pid_t pid) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, HANDOFF_DIRECTORY "/%ld", (long)pid);
    return a;
}

/* ---- bastion ssh ---- */

/* What processes that were killed have left: nobody answers there. */
static void sweep(void) {
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
    struct sockaddr_un a = address_for(pid);
    if ((mkdir(HANDOFF_DIRECTORY, 0711) == -1 && errno != EEXIST)
        || prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
        return -1;
    sweep();
    /* Nor has this process left anything under its own number, which is new, nor its child. */
    unlink(a.sun_path);
    unlink(address_for(getpid()).sun_path);
    int shut = open(address_for(getpid()).sun_path,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (shut == -1)
        return -1;
    close(shut);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -1 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && chmod(a.sun_path, 0600) == 0
        && chown(a.sun_path, uid, (gid_t)-1) == 0 && listen(fd, 8) == 0)
        return fd;
    int error = errno;
    fd_close(&fd);
    errno = error;
    return -1;
}

/* One byte, with or without a descriptor (unix(7), SCM_RIGHTS). */
union handful {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static int give_descriptor(int other, int fd) {
    union handful control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
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

/* Returns 0, or -1 when the byte does not come. */
static int take_descriptor(int other, int *fd) {
    union handful control;
    char byte;
    struct iovec at = {&byte, 1};
    /* Room for one and no more: the kernel closes what is sent beyond. */
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
            || take_descriptor(fd, input) == -1))
        fd_close(&fd);
    return fd;
}

static void put(struct buf *b, const char *text) { buf_bytes(b, text, strlen(text) + 1); }

/* The descriptor; then strings, each with its NUL; an empty one ends them. */
int handoff_give(int caller, const struct handoff *t) {
    static char text[LIMIT_HANDOFF];
    struct buf b = BUF_ON(text);
    put(&b, t->run);
    put(&b, t->user);
    put(&b, t->peer);
    put(&b, t->no_pty ? "no-pty" : "pty");
    for (char *const *e = t->environment; *e != NULL; e++)
        put(&b, *e);
    put(&b, "");
    return b.full || give_descriptor(caller, t->record) == -1
               ? -1
               : fd_write_all(caller, b.at, b.len, LIMIT_HANDOFF_MS);
}

int handoff_pass_line(int caller, bool *running) {
    static char line[LIMIT_LOG_LINE];
    static size_t n;
    ssize_t got = recv(caller, line + n, sizeof line - n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    for (size_t i = n; i < n + (size_t)got; i++) {
        bool last = i + 1 == n + (size_t)got;
        if (line[i] == '\n' ? !last : line[i] < 0x20 || line[i] == 0x7f)
            /* it waits for the answer to each line, and puts nothing but printable ASCII there */
            return -1;
    }
    n += (size_t)got;
    if (line[n - 1] != '\n')
        return n < sizeof line ? 0 : -1;
    bool taken = log_line(line, n) == 0;
    *running = (*running || audit_is(line, n, "start")) && !audit_is(line, n, "end");
    n = 0;
    return fd_write_all(caller, taken ? "+" : "-", 1, LIMIT_HANDOFF_MS);
}

void handoff_close(int *listener, pid_t pid) {
    if (*listener != -1)
        unlink(address_for(pid).sun_path);
    fd_close(listener);
}

void handoff_end(void) { unlink(address_for(getpid()).sun_path); }

/* ---- the login shell ---- */

/* Receives until the empty string that ends the ticket. Returns 0, or -1. */
static int receive(int fd, char *text, size_t cap) {
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

int handoff_ask(struct handoff *t, pid_t parent) {
    static char text[LIMIT_HANDOFF], *environment[LIMIT_ENVIRONMENT + 1];
    struct sockaddr_un a = address_for(parent);
    const char *field[4];
    size_t n = 0;
    int record = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof a) == -1) {
        int error = errno == ENOTDIR ? ENOENT : errno;
        fd_close(&fd);
        /* Only of a parent that is there still it can be said that nobody answers for it. */
        errno = parent == 1 || getppid() != parent ? ESRCH : error;
        return -1;
    }
    char *at = text;
    if (give_descriptor(fd, isatty(0) ? -1 : 0) == -1 || take_descriptor(fd, &record) == -1
        || receive(fd, text, sizeof text) == -1)
        goto bad;
    for (; n < 4 && *at != '\0'; at += strlen(at) + 1)
        field[n++] = at;
    if (n < 4)
        goto bad;
    for (n = 0; *at != '\0'; at += strlen(at) + 1) {
        if (n == LIMIT_ENVIRONMENT)
            goto bad;
        environment[n++] = at;
    }
    *t = (struct handoff){field[0], field[1],   field[2], strcmp(field[3], "no-pty") == 0,
                          record,   environment};
    return fd;
bad:
    fd_close(&record);
    close(fd);
    errno = EPROTO;
    return -1;
}
