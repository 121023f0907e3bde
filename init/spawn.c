#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/init_link.h"
#include "limit.h"

/* The file by its name, which says more in lists of processes than /proc/self/exe, and which may be
 * a newer one after an upgrade. It is looked up once. */
const char *spawn_path(void) {
    static char path[LIMIT_PATH];
    if (path[0] == '\0' && readlink("/proc/self/exe", path, sizeof path - 1) <= 0)
        strcpy(path, "/proc/self/exe");
    return path;
}

/* In the child, which shares this process's memory until it is another program (vfork(2)) and may
 * change nothing of it. Returns errno. */
static int exec_self(const char *file, const char *const *argv, char *const *environment, int fd,
                     int link) {
    sigset_t none;
    sigemptyset(&none);
    if (setsid() == -1 || (fd != -1 && (dup2(fd, 0) == -1 || dup2(fd, 1) == -1)))
        return errno;
    /* Where `link` has that number already, dup2(2) would do nothing, and it would be closed by
     * execve(2). */
    if (link != -1
        && (link == INIT_LINK_FD ? fcntl(link, F_SETFD, 0) : dup2(link, INIT_LINK_FD)) == -1)
        return errno;
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(file, (char *const *)(uintptr_t)argv, environment);
    /* Where nothing has that name any more, this is still the same program. */
    execve("/proc/self/exe", (char *const *)(uintptr_t)argv, environment);
    return errno;
}

pid_t spawn_self(const char *const *argv, char *const *environment, int fd, int link) {
    const char *file = spawn_path();
    volatile int failed = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        failed = exec_self(file, argv, environment, fd, link);
        _exit(127);
    }
    if (pid == -1 || failed == 0)
        return pid;
    waitpid(pid, NULL, 0);
    errno = failed;
    return -1;
}

int spawn_and_wait(const char *const *argv, char *const *environment) {
    int status;
    pid_t pid = spawn_self(argv, environment, -1, -1);
    if (pid == -1)
        return -1;
    while (waitpid(pid, &status, 0) == -1)
        if (errno != EINTR)
            return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
