#include "core/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

/* ---- signals of this process ---- */

static volatile sig_atomic_t told;
static sigset_t before;
static const int watched[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
enum { WATCHED = sizeof watched / sizeof *watched };

static void on_signal(int signal) {
    if (signal != SIGCHLD)
        told = signal;
}

void run_watch_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < WATCHED; i++)
        sigaddset(&set, watched[i]);
    sigprocmask(SIG_BLOCK, &set, &before);
    for (size_t i = 0; i < WATCHED; i++) {
        sigdelset(&before, watched[i]);
        sigaction(watched[i], &action, NULL);
    }
}

void run_forget_signals(void) {
    for (size_t i = 0; i < WATCHED; i++)
        signal(watched[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

const sigset_t *run_wait_mask(void) { return &before; }

int run_told(void) { return told; }

/* ---- the start ---- */

/* Starts the command by vfork(2): no page is copied, and the child tells in our own memory what execve(2) said. It may
 * touch nothing else there. Signals stay blocked until it is another program or gone: a handler of ours must not run in
 * it. Returns 0, or the errno. */
static int spawn(struct run *r, const char *const *argv, char *const *environment, int lock, int input, int output) {
    /* What has a handler goes back to the default by itself; these may have been ignored by whoever started us. */
    static const int reset[] = {SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
    struct sigaction defaults = {.sa_handler = SIG_DFL};
    sigset_t all, none, old;
    volatile int failed = 0;
    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &all, &old);
    pid_t pid = vfork();
    if (pid == 0) {
        for (size_t i = 0; i < WATCHED; i++)
            sigaction(watched[i], &defaults, NULL);
        for (size_t i = 0; i < sizeof reset / sizeof *reset; i++)
            sigaction(reset[i], &defaults, NULL);
        if (setsid() != -1 && dup2(input, 0) != -1 && dup2(output, 1) != -1 && dup2(output, 2) != -1 &&
            (lock == -1 || fcntl(lock, F_SETFD, 0) != -1)) {
            sigprocmask(SIG_SETMASK, &none, NULL);
            execve(argv[0], (char *const *)(uintptr_t)argv, environment);
        }
        failed = errno;
        _exit(127);
    }
    int error = pid == -1 ? errno : failed;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid != -1 && error != 0)
        waitpid(pid, NULL, 0);
    r->pid = pid;
    return error;
}

int run_start(struct run *r, const char *const *argv, char *const *environment, int lock, enum run_input input) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, error = 0;
    *r = (struct run){.in = -1, .out = -1, .next_signal = CLOCK_NEVER, .started = clock_now()};
    if (pipe2(out, O_CLOEXEC) == -1)
        error = errno;
    else if (input == RUN_INPUT_PIPE ? pipe2(in, O_CLOEXEC) == -1 : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
        error = errno;
    if (error == 0)
        error = spawn(r, argv, environment, lock, in[0], out[1]);
    fd_close(&in[0]);
    fd_close(&out[1]);
    if (error == 0 && (fd_nonblock(out[0]) == -1 || (in[1] != -1 && fd_nonblock(in[1]) == -1)))
        error = errno;
    if (error != 0) {
        fd_close(&in[1]);
        fd_close(&out[0]);
        return error;
    }
    r->in = in[1];
    r->out = out[0];
    return 0;
}

void run_widen(struct run *r) {
    if (!r->wide)
        fcntl(r->out, F_SETPIPE_SZ, LIMIT_PIPE); /* where it is not allowed, it stays as it is */
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

bool run_reap(struct run *r) {
    if (!r->reaped)
        r->reaped = waitpid(r->pid, &r->status, WNOHANG) == r->pid;
    return r->reaped;
}

void run_sweep(struct run *r) {
    /* The group's number can't be given to another process while somebody is in the group. Its members are no
     * children of ours, so there is nothing to wait on: ask. */
    while (r->signal_count > 0 && r->next_signal != CLOCK_NEVER && kill(-r->pid, 0) == 0) {
        poll(NULL, 0, 20);
        run_tick(r, clock_now());
    }
}

int run_exit_code(const struct run *r, int *signal) {
    *signal = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;
    return *signal != 0 ? 128 + *signal : WEXITSTATUS(r->status);
}
