#include "core/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/landlock.h"
#include "limit.h"

/* ---- signals of this process ---- */

static volatile sig_atomic_t told_signal;
static sigset_t mask_before;
static const int watched_signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
enum { WATCHED_COUNT = sizeof watched_signals / sizeof *watched_signals };

static void on_signal(int signal) {
    if (signal != SIGCHLD)
        told_signal = signal;
}

void run_watch_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < WATCHED_COUNT; i++)
        sigaddset(&set, watched_signals[i]);
    sigprocmask(SIG_BLOCK, &set, &mask_before);
    for (size_t i = 0; i < WATCHED_COUNT; i++) {
        sigdelset(&mask_before, watched_signals[i]);
        sigaction(watched_signals[i], &action, NULL);
    }
}

void run_forget_signals(void) {
    for (size_t i = 0; i < WATCHED_COUNT; i++)
        signal(watched_signals[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

const sigset_t *run_wait_mask(void) { return &mask_before; }

int run_told(void) { return told_signal; }

/* ---- the start ---- */

/* A terminal that this process leads as a session is given up. That hangs its foreground group up,
 * which is this process: the signal, blocked here, is taken back by ignoring it for a moment. */
static bool give_up_terminal(void) {
    if (getsid(0) != getpid() || tcgetsid(0) != getpid())
        return false;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    bool given = ioctl(0, TIOCNOTTY) == 0;
    sigaction(SIGHUP, &ignore, &old);
    sigaction(SIGHUP, &old, NULL);
    return given;
}

/* In the child: a session, or at least a process group, of its own. */
static bool stand_alone(enum run_form form, bool own_terminal) {
    if (form == RUN_TERMINAL && !own_terminal) {
        if (setpgid(0, 0) == -1)
            return false;
        tcsetpgrp(0, getpid());
        signal(SIGTSTP, SIG_IGN); /* nobody is there who could let a stopped command go on */
        return true;
    }
    return setsid() != -1 && (form != RUN_TERMINAL || ioctl(0, TIOCSCTTY, 0) == 0);
}

/* execve(2), with a name that has no slash looked for in the PATH of the command's own environment;
 * an empty part of it, the current directory, is left out. Never a shell: what is not executable is
 * not run. Sets errno. */
static void exec_command(const char *const *argv, char *const *environment) {
    char *const *words = (char *const *)(uintptr_t)argv;
    const char *path = strchr(argv[0], '/') != NULL ? NULL : env_get(environment, "PATH");
    if (path == NULL) {
        execve(argv[0], words, environment);
        return;
    }
    int error = ENOENT;
    for (size_t n; *path != '\0'; path += n + (path[n] == ':')) {
        char file[LIMIT_PATH];
        n = strcspn(path, ":");
        if (n == 0 || n + 1 + strlen(argv[0]) >= sizeof file)
            continue;
        memcpy(file, path, n);
        file[n] = '/';
        strcpy(file + n + 1, argv[0]);
        execve(file, words, environment);
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno; /* it is there, and can't be run; perhaps another can */
    }
    errno = error;
}

static bool enter_rulesets(const int *rulesets) {
    for (int i = 0; i < RUN_RULESETS; i++)
        if (rulesets[i] != -1 && landlock_enter(rulesets[i]) == -1)
            return false;
    return true;
}

/* Starts the command by vfork(2): no page is copied, and the child tells in our own memory what
 * execve(2) said. It may touch nothing else there. Signals stay blocked until it is another program
 * or gone: a handler of ours must not run in it. `fds` become 0, 1 and 2. Returns 0, or the
 * errno. */
static int spawn_command(struct run *r, const char *const *argv, char *const *environment, int lock,
                         const int *rulesets, bool no_new_privs, enum run_form form,
                         const int fds[3]) {
    /* What has a handler goes back to the default by itself; these may have been ignored by whoever
     * started us. */
    static const int reset[] = {SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2,
                                SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
    struct sigaction defaults = {.sa_handler = SIG_DFL};
    sigset_t all, none, old;
    volatile int failed = 0;
    volatile bool open = false;
    bool own_terminal = form == RUN_TERMINAL && give_up_terminal();
    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &all, &old);
    pid_t pid = vfork();
    if (pid == 0) {
        for (size_t i = 0; i < WATCHED_COUNT; i++)
            sigaction(watched_signals[i], &defaults, NULL);
        for (size_t i = 0; i < sizeof reset / sizeof *reset; i++)
            sigaction(reset[i], &defaults, NULL);
        if (stand_alone(form, own_terminal) && dup2(fds[0], 0) != -1 && dup2(fds[1], 1) != -1
            && dup2(fds[2], 2) != -1
            && (!no_new_privs || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != -1)
            && (lock == -1 || fcntl(lock, F_SETFD, 0) != -1)
            && !(open = !enter_rulesets(rulesets))) {
            sigprocmask(SIG_SETMASK, &none, NULL);
            exec_command(argv, environment);
        }
        failed = errno;
        _exit(127);
    }
    int error = pid == -1 ? errno : failed;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid != -1 && error != 0)
        waitpid(pid, NULL, 0);
    r->pid = pid;
    r->open = open;
    return error;
}

/* A pipe to or from the command: ours is the end that it does not get. Returns 0, or the errno. */
static int open_pipe(int *ours, int *theirs, bool to_command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1)
        return errno;
    *ours = ends[to_command];
    *theirs = ends[!to_command];
    return fd_nonblock(*ours) == 0 ? 0 : errno;
}

static int open_pipes(struct run *r, int theirs[3], enum run_form form) {
    if (form == RUN_TERMINAL)
        return 0;
    int error = open_pipe(&r->out[RUN_OUT], &theirs[1], false);
    if (error == 0 && form == RUN_STREAMS)
        error = open_pipe(&r->out[RUN_ERR], &theirs[2], false);
    if (error == 0 && form != RUN_MERGED)
        error = open_pipe(&r->in, &theirs[0], true);
    else if (error == 0 && (theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
        error = errno;
    return error;
}

int run_start(struct run *r, const char *const *argv, char *const *environment, int lock,
              const int rulesets[RUN_RULESETS], bool no_new_privs, enum run_form form) {
    int theirs[3] = {-1, -1, -1}, fds[3];
    *r =
        (struct run){.in = -1, .out = {-1, -1}, .next_signal = CLOCK_NEVER, .started = clock_now()};
    int error = open_pipes(r, theirs, form);
    for (int i = 0; i < 3; i++)
        fds[i] = form == RUN_TERMINAL ? i : theirs[i] != -1 ? theirs[i] : theirs[1];
    if (error == 0)
        error = spawn_command(r, argv, environment, lock, rulesets, no_new_privs, form, fds);
    for (int i = 0; i < 3; i++)
        fd_close(&theirs[i]);
    if (error != 0) {
        fd_close(&r->in);
        fd_close(&r->out[RUN_OUT]);
        fd_close(&r->out[RUN_ERR]);
    }
    return error;
}

void run_widen(struct run *r) {
    for (int i = 0; i < RUN_PIPES && !r->wide; i++)
        fcntl(r->out[i], F_SETPIPE_SZ, LIMIT_PIPE); /* where it is not allowed, it stays as it is */
    r->wide = true;
}

/* ---- the end ---- */

void run_end(struct run *r, bool hangup, int64_t now) {
    if (r->signal_count > 0)
        return;
    if (hangup)
        r->signals[r->signal_count++] = SIGHUP;
    r->signals[r->signal_count++] = SIGTERM;
    r->signals[r->signal_count++] = SIGKILL;
    r->next_signal = now;
    run_tick(r, now);
}

void run_tick(struct run *r, int64_t now) {
    if (now < r->next_signal)
        return;
    kill(-r->pid, r->signals[0]);
    bool last = r->signals[0] == SIGKILL;
    memmove(r->signals, r->signals + 1, sizeof r->signals - sizeof *r->signals);
    r->next_signal = last ? CLOCK_NEVER : clock_after(now, LIMIT_GRACE_MS);
}

/* The group's number can't be given to another process while somebody is in the group. Its members
 * are no children of ours, so there is nothing to wait on: ask. Some of them may be beyond our
 * reach (sudo), and are there all the same. */
static bool group_is_empty(const struct run *r) { return kill(-r->pid, 0) == -1 && errno != EPERM; }

bool run_is_over(struct run *r) {
    if (!r->reaped)
        r->reaped = waitpid(r->pid, &r->status, WNOHANG) == r->pid;
    if (r->reaped && !r->over)
        r->over = r->signal_count == 0 || r->next_signal == CLOCK_NEVER || group_is_empty(r);
    return r->over;
}

int run_exit_code(const struct run *r, int *signal) {
    *signal = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;
    return *signal != 0 ? 128 + *signal : WEXITSTATUS(r->status);
}
