#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "limit.h"

void fd_close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0)
        return;
#endif
    /* A kernel before 5.9, or a filter that does not know the call. */
    struct rlimit limit;
    rlim_t end = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
    if (end > 65536)
        end = 65536;
    for (int fd = first; (rlim_t)fd < end; fd++)
        close(fd);
}

int fd_open_standard(void) {
    struct pollfd fds[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
    if (poll(fds, 3, 0) == -1)
        return -1;
    for (int fd = 0; fd <= 2; fd++) {
        if ((fds[fd].revents & POLLNVAL) == 0)
            continue;
        /* The lowest free number is `fd` itself, since those below it are open. Only for reading: a
         * standard error that was closed must not swallow the log, but fail. */
        if (open("/dev/null", O_RDONLY) != fd)
            return -1;
    }
    return 0;
}

static int last_kept = 2;
static bool has_standard;

void fd_keep(int fd) { last_kept = fd; }
void fd_know_standard(void) { has_standard = true; }

int fd_only_standard(void) {
    if (!has_standard && fd_open_standard() == -1)
        return -1;
    fd_close_from(last_kept + 1);
    return 0;
}

int fd_nonblock(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags == -1)
        return -1;
    return flags & O_NONBLOCK ? 0 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int fd_nonblock_socket(int fd) { return fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK); }

bool fd_same(int a, int b) {
    struct stat sa, sb;
    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev
           && sa.st_ino == sb.st_ino;
}

bool fd_is_inet_socket(int fd) {
    int family;
    socklen_t n = sizeof family;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0
           && (family == AF_INET || family == AF_INET6);
}

int fd_write_all(int fd, const void *bytes, size_t n, int64_t ms) {
    const char *p = bytes;
    int64_t deadline = clock_after(clock_now(), ms);
    while (n > 0) {
        /* Asked before each write, since a log is often a blocking pipe. */
        int64_t left = deadline - clock_now();
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        int ready = poll(&pfd, 1, left > 0 ? (int)left : 0);
        if (ready == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        ssize_t w = ready < 0 ? -1 : write(fd, p, n);
        if (w < 0) {
            if (errno == EINTR || errno == EAGAIN)
                continue;
            return -1;
        }
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

ssize_t fd_read_file(int fd, void *bytes, size_t n) {
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, (char *)bytes + got, n - got, (off_t)got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

static int put_file(int directory, const char *name, const void *bytes, size_t n, mode_t mode,
                    bool keep, uid_t uid, gid_t gid) {
    char beside[NAME_MAX + 1];
    uint64_t random;
    if (random_fill(&random, sizeof random) == -1)
        return -1;
    snprintf(beside, sizeof beside, ".%s.%016llx", name, (unsigned long long)random);
    int fd = openat(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1)
        return -1;
    errno = ENOSPC; /* what a short write means */
    bool done = write(fd, bytes, n) == (ssize_t)n && fchown(fd, uid, gid) == 0
                && fchmod(fd, mode) == 0 && fsync(fd) == 0
                && (keep ? linkat(directory, beside, directory, name, 0)
                         : renameat(directory, beside, directory, name))
                       == 0;
    int error = errno;
    close(fd);
    if (keep || !done)
        unlinkat(directory, beside, 0);
    errno = error;
    return done ? 0 : -1;
}

int fd_put_file(int directory, const char *name, const void *bytes, size_t n, mode_t mode,
                bool keep) {
    return put_file(directory, name, bytes, n, mode, keep, (uid_t)-1, (gid_t)-1);
}

int fd_put_file_of(int directory, const char *name, const void *bytes, size_t n, mode_t mode,
                   uid_t uid, gid_t gid) {
    return put_file(directory, name, bytes, n, mode, false, uid, gid);
}

/* open(3) of the C library asks once more that what it has opened be closed by execve(2), for
 * kernels before 2.6.23: openat(3) does not. */
int fd_open(const char *path, int flags) { return openat(AT_FDCWD, path, flags | O_CLOEXEC); }

static int null = -1;

int fd_null(void) {
    if (null == -1)
        null = fd_open("/dev/null", O_RDONLY);
    return null;
}

void fd_put_null(int first, int last) {
    int from = fd_null();
    for (int fd = last; fd >= first; fd--)
        if (dup2(from, fd) != -1)
            null = fd;
}

void fd_close(int *fd) {
    if (*fd != -1)
        close(*fd);
    *fd = -1;
}
