#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apart.h"
#include "base/init_link.h"
#include "base/landlock_apart.h"
#include "limit.h"

/* The file by its name, which says more in lists of processes than /proc/self/exe, and which may be
 * a newer one after an upgrade. It is looked up once. */
const char *spawn_path(void) {
    static char path[LIMIT_PATH];
    if (path[0] == '\0' && readlink("/proc/self/exe", path, sizeof path - 1) <= 0)
        strcpy(path, "/proc/self/exe");
    return path;
}

/* Signals that whoever started this process has ignored: not so for what it starts, which goes by
 * that (base/init_link.h). Looked up once. */
static const int *ignored_signals(size_t *n) {
    static const int all[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
                              SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
    static int ignored[sizeof all / sizeof *all];
    static size_t count;
    static bool known;
    struct sigaction action;
    for (size_t i = 0; !known && i < sizeof all / sizeof *all; i++)
        if (sigaction(all[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            ignored[count++] = all[i];
    known = true;
    *n = count;
    return ignored;
}

/* ---- descriptors ---- */

static struct rlimit given; /* the limit before this process raised its own; 0: it has not */

bool spawn_raise_descriptors(void) {
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) == -1 || now.rlim_cur == now.rlim_max)
        return false;
    struct rlimit raised = {now.rlim_max, now.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == -1)
        return false;
    given = now;
    return true;
}

/* ---- the child ---- */

/* In the child, which shares this process's memory until it is another program (vfork(2)) and may
 * change nothing of it. Returns errno. */
static int exec_self(const char *file, const char *const *argv, char *const *environment, int fd,
                     int link, int ruleset) {
    sigset_t none;
    sigemptyset(&none);
    if (setsid() == -1 || (fd != -1 && (dup2(fd, 0) == -1 || dup2(fd, 1) == -1)))
        return errno;
    /* Where `link` has that number already, dup2(2) would do nothing, and it would be closed by
     * execve(2). */
    if (link != -1
        && (link == INIT_LINK_FD ? fcntl(link, F_SETFD, 0) : dup2(link, INIT_LINK_FD)) == -1)
        return errno;
    if (link != -1 && ruleset != -1 && dup2(ruleset, LANDLOCK_APART_FD) == -1)
        return errno;
    signal(SIGPIPE, SIG_DFL);
    size_t n;
    const int *ignored = ignored_signals(&n);
    for (size_t i = 0; i < n; i++)
        signal(ignored[i], SIG_DFL);
    if (given.rlim_max != 0)
        setrlimit(RLIMIT_NOFILE, &given);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(file, (char *const *)(uintptr_t)argv, environment);
    /* Where nothing has that name any more, this is still the same program. */
    execve("/proc/self/exe", (char *const *)(uintptr_t)argv, environment);
    return errno;
}

pid_t spawn_self(const char *const *argv, char *const *environment, int fd, int link) {
    const char *file = spawn_path();
    volatile int failed = 0;
    int ruleset = link != -1 ? apart_ruleset() : -1;
    size_t n;
    ignored_signals(&n); /* here, since the child may not write to its memory, which is ours */
    pid_t pid = vfork();
    if (pid == 0) {
        failed = exec_self(file, argv, environment, fd, link, ruleset);
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
