#include "core/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

int message_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

union descriptor_control {
    struct cmsghdr head;
    char room[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
};

int message_send(int link, const struct message *m, const void *text, size_t n, const int *fds,
                 size_t fd_count) {
    union descriptor_control control = {
        .head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec parts[2] = {{(void *)(uintptr_t)m, sizeof *m}, {(void *)(uintptr_t)text, n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd_count > 0) {
        control.head.cmsg_len = (socklen_t)CMSG_LEN(fd_count * sizeof *fds);
        memcpy(CMSG_DATA(&control.head), fds, fd_count * sizeof *fds);
        message.msg_control = &control;
        message.msg_controllen = (socklen_t)CMSG_SPACE(fd_count * sizeof *fds);
    }
    ssize_t sent;
    int64_t deadline = clock_after(clock_now(), LIMIT_PASSING_MS);
    /* ETOOMANYREFS: the account has as many descriptors under way between processes as one may have
     * open (unix(7)). They are taken in a moment. */
    while ((sent = sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT)) == -1
           && errno == ETOOMANYREFS && clock_now() < deadline)
        poll(NULL, 0, 5);
    return sent == (ssize_t)(sizeof *m + n) ? 0 : -1;
}

/* CMSG_NXTHDR (cmsg(3)), whose C library's form the compiler's warnings don't pass. */
static struct cmsghdr *next_control(const struct msghdr *message, struct cmsghdr *c) {
    size_t at = (size_t)((char *)c - (char *)message->msg_control)
                + (c->cmsg_len + sizeof(size_t) - 1) / sizeof(size_t) * sizeof(size_t);
    return c->cmsg_len < sizeof *c || at + sizeof *c > message->msg_controllen
               ? NULL
               : (struct cmsghdr *)(void *)((char *)message->msg_control + at);
}

/* Where senders are not named, their room holds more descriptors: those are closed. Returns whether
 * there were any. */
static bool take_fds(struct received *r, const struct cmsghdr *c) {
    bool more = false;
    for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        if (i < MESSAGE_FDS)
            r->fds[i] = fd;
        else
            more = close(fd) == 0 || more;
    }
    return more;
}

static void take_sender(struct received *r, const struct cmsghdr *c) {
    struct ucred who;
    memcpy(&who, CMSG_DATA(c), sizeof who);
    r->pid = who.pid;
    r->uid = who.uid;
}

/* Returns whether no more came than there is a place for. */
static bool take_control(struct received *r, struct msghdr *message) {
    bool fits = true;
    r->pid = 0;
    r->uid = (uid_t)-1;
    for (size_t i = 0; i < MESSAGE_FDS; i++)
        r->fds[i] = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = next_control(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            fits = !take_fds(r, c) && fits;
        else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            take_sender(r, c);
    }
    return fits;
}

void message_name_senders(int link, bool named) {
    const int on = named;
    setsockopt(link, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

/* Takes one message; `flags` are recvmsg(2)'s, as to waiting. */
static enum receipt receive(int link, struct received *r, int flags) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(MESSAGE_FDS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec parts[2] = {{&r->m, sizeof r->m}, {r->text, sizeof r->text - 1}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(link, &message, flags | MSG_CMSG_CLOEXEC);
    while (n == -1 && errno == EINTR);
    if (n == -1 && errno == EAGAIN)
        return RECEIPT_NONE;
    if (n == -1)
        return RECEIPT_END;
    bool fits = take_control(r, &message);
    if (n == 0) { /* the end; or a packet without a byte, which may have descriptors */
        message_drop_fds(r);
        return RECEIPT_END;
    }
    bool whole = (size_t)n >= sizeof r->m && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    if (!whole || !fits || r->m.type == 0 || r->m.type >= MESSAGE_TYPES) {
        message_drop_fds(r);
        return RECEIPT_INVALID;
    }
    r->text_n = (size_t)n - sizeof r->m;
    r->text[r->text_n] = '\0';
    return RECEIPT_MESSAGE;
}

enum receipt message_receive(int link, struct received *r) {
    return receive(link, r, MSG_DONTWAIT);
}

/* Mostly it is not there yet: so there is no look before the wait. */
enum receipt message_wait(int link, struct received *r, int64_t deadline, const sigset_t *mask) {
    if (deadline == CLOCK_NEVER && mask == NULL)
        return receive(link, r, 0);
    for (;;) {
        struct timespec ts;
        struct pollfd pfd = {.fd = link, .events = POLLIN};
        if (ppoll(&pfd, 1, clock_left(deadline, clock_now(), &ts), mask) == 0)
            return RECEIPT_NONE;
        enum receipt got = receive(link, r, MSG_DONTWAIT);
        if (got != RECEIPT_NONE)
            return got;
    }
}

void message_drop_fds(struct received *r) {
    for (size_t i = 0; i < MESSAGE_FDS; i++)
        fd_close(&r->fds[i]);
}
