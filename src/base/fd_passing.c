#include "base/fd_passing.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union rights {
    struct cmsghdr head;
    char room[CMSG_SPACE(FD_PASSING * sizeof(int))];
};

bool fd_send(int link, const void *bytes, size_t n, const int *fds, size_t count) {
    union rights rights = {.head = {.cmsg_len = (socklen_t)CMSG_LEN(count * sizeof *fds),
                                    .cmsg_level = SOL_SOCKET,
                                    .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {(void *)(uintptr_t)bytes, n};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof *fds)};
    memcpy(CMSG_DATA(&rights.head), fds, count * sizeof *fds);
    return sendmsg(link, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

ssize_t fd_receive(int link, void *bytes, size_t n, int *fds, size_t count, int flags) {
    union rights rights;
    struct iovec part = {bytes, n};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    for (size_t i = 0; i < count; i++)
        fds[i] = -1;
    ssize_t got = recvmsg(link, &message, flags | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = got == -1 ? NULL : CMSG_FIRSTHDR(&message);
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return got;
    for (size_t i = 0; CMSG_LEN((i + 1) * sizeof *fds) <= c->cmsg_len; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (i < count)
            fds[i] = fd;
        else
            close(fd);
    }
    return got;
}
