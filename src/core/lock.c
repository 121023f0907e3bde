#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "limit.h"

static int open_file(int folder) {
    int fd = openat(folder, "lock", O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
    if (fd == -1)
        return -1;
    /* Away from the small numbers that a shell script redirects by hand. */
    int high = fcntl(fd, F_DUPFD_CLOEXEC, LIMIT_LOCK_FD);
    int error = errno;
    close(fd);
    errno = error;
    return high;
}

static int fail(struct lock *l, int error) {
    l->error = error;
    fd_close(&l->folder);
    return -1;
}

static int prepare(struct lock *l, const char *run_dir, gid_t group) {
    struct stat st;
    *l = (struct lock){.folder = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .fd = -1};
    if (l->folder == -1 || fstat(l->folder, &st) == -1)
        return fail(l, errno);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(l, EPERM);
    l->fd = open_file(l->folder);
    if (l->fd == -1 || fstat(l->fd, &st) == -1)
        return fail(l, errno);
    if (geteuid() == 0 && (st.st_uid != 0 || st.st_gid != group || (st.st_mode & 07777) != 0640) &&
        (fchown(l->fd, 0, group) == -1 || fchmod(l->fd, 0640) == -1))
        return fail(l, errno);
    return 0;
}

void lock_prepare(struct lock *l, const char *run_dir, gid_t group) {
    if (prepare(l, run_dir, group) == -1)
        fd_close(&l->fd);
}

int lock_take(struct lock *l) {
    if (l->folder == -1) {
        errno = l->error;
        return -1;
    }
    if (l->fd == -1 && (l->fd = open_file(l->folder)) == -1)
        return -1;
    if (flock(l->fd, LOCK_EX | LOCK_NB) == 0)
        return 1;
    return errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

pid_t lock_queue(struct lock *l) {
    pid_t parent = getpid(), child = fork();
    if (child != 0)
        return child;
    /* Nobody is served by a place in the line when the connection is gone. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int got;
    do
        got = flock(l->fd, LOCK_EX);
    while (got == -1 && errno == EINTR);
    _exit(got == 0 ? 0 : 1);
}

void lock_leave(struct lock *l) { fd_close(&l->fd); }
