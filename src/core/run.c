#include "core/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/drop.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/landlock.h"
#include "limit.h"

/* ---- signals of this process ---- */

static int told_signal, signals = -1;     /* of signalfd(2), from the first request on */
static bool are_blocked, is_pipe_blocked; /* the latter: SIGPIPE too, which else is ignored */
static bool child_ended;                  /* perhaps, since waitpid(2) was asked last */

static sigset_t watched_signals(void) {
    static const int watched[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(&set, watched[i]);
    return set;
}

void run_block_signals(void) {
    sigset_t set = watched_signals();
    sigaddset(&set, SIGPIPE);
    are_blocked = is_pipe_blocked = sigprocmask(SIG_BLOCK, &set, NULL) == 0;
}

bool run_watch_signals(void) {
    const sigset_t set = watched_signals();
    if (!are_blocked)
        are_blocked = sigprocmask(SIG_BLOCK, &set, NULL) == 0;
    if (signals == -1)
        signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals != -1;
}

int run_signals(void) { return signals; }

void run_take_signals(void) {
    struct signalfd_siginfo info[4];
    ssize_t n = read(signals, info, sizeof info);
    for (ssize_t i = 0; i * (ssize_t)sizeof *info < n; i++)
        if (info[i].ssi_signo == SIGCHLD)
            child_ended = true;
        else
            told_signal = (int)info[i].ssi_signo;
}

int run_told(void) { return told_signal; }

bool run_await_child(int64_t deadline) {
    const sigset_t set = watched_signals();
    struct timespec ts;
    int got = sigtimedwait(&set, NULL, clock_left(deadline, clock_now(), &ts));
    if (got > 0 && got != SIGCHLD)
        told_signal = got;
    return got == SIGCHLD || (got == -1 && errno == EINTR);
}

/* ---- the start ---- */

/* Who is not in the foreground itself would be stopped by this (tcsetpgrp(3)). */
static void set_foreground(int terminal, pid_t group) {
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(terminal, group);
    signal(SIGTTOU, SIG_DFL);
}

/* In the child: a session, or at least a process group, of its own. */
static bool stand_alone(const struct run_command *c) {
    if (c->form == RUN_TERMINAL && !c->leads_terminal) {
        if (setpgid(0, 0) == -1)
            return false;
        set_foreground(c->terminal, getpid());
        signal(SIGTSTP, SIG_IGN); /* nobody is there who could let a stopped command go on */
        return true;
    }
    return setsid() != -1 && (c->form != RUN_TERMINAL || ioctl(c->terminal, TIOCSCTTY, 0) == 0);
}

/* execve(2) of a name that has no slash, which is looked for in the PATH of the command's own
 * environment; an empty part of that, the current directory, is left out. Sets errno. (A function
 * of its own, for the large piece of the stack.) */
__attribute__((noinline)) static void exec_from_path(char *const *words, char *const *environment,
                                                     const char *path) {
    int error = ENOENT;
    for (size_t n; *path != '\0'; path += n + (path[n] == ':')) {
        char file[LIMIT_PATH];
        n = strcspn(path, ":");
        if (n == 0 || n + 1 + strlen(words[0]) >= sizeof file)
            continue;
        memcpy(file, path, n);
        file[n] = '/';
        strcpy(file + n + 1, words[0]);
        execve(file, words, environment);
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno; /* it is there, and can't be run; perhaps another can */
    }
    errno = error;
}

/* Never a shell: what is not executable is not run. Sets errno. */
static void exec_command(const char *const *argv, char *const *environment) {
    char *const *words = (char *const *)(uintptr_t)argv;
    const char *path = strchr(argv[0], '/') != NULL ? NULL : env_get(environment, "PATH");
    if (path == NULL)
        execve(argv[0], words, environment);
    else
        exec_from_path(words, environment, path);
}

/* Who enters a ruleset gives up new privileges by that. */
static bool enter_rulesets(const int *rulesets, bool *entered) {
    for (int i = 0; i < RUN_RULESETS; i++) {
        if (rulesets[i] != -1 && landlock_enter(rulesets[i]) == -1)
            return false;
        *entered = *entered || rulesets[i] != -1;
    }
    return true;
}

/* What the child needs, and what it tells of its failure. */
struct start {
    const struct run_command *command;
    const int *fds; /* these become 0, 1 and 2 */
    struct failure {
        int error; /* 0: execve(2) has succeeded */
        bool open; /* it could not be put under its rulesets */
    } failure;
    /* not 0 as long as the child has this process's memory: the kernel says so (set_tid_address(2),
     * of which the memory of a process can make use as well as that of a thread) */
    _Atomic int shares;
    int report; /* where the child has memory of its own: a pipe to which it writes `failure` */
};

static void reset_signals(void) {
    /* The first may be ignored by us, and others by whoever started us: not by `bastion init`,
     * which has reset them for all that it starts. */
    static const int reset[] = {SIGPIPE, SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
                                SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
    struct sigaction defaults = {.sa_handler = SIG_DFL};
    size_t n = !init_link_is_there() ? sizeof reset / sizeof *reset : is_pipe_blocked ? 0 : 1;
    for (size_t i = 0; i < n; i++)
        sigaction(reset[i], &defaults, NULL);
}

/* Gives the child the descriptors that the command has. A number of the lock's own keeps it away
 * from the small ones that a shell script redirects by hand. */
static bool place_descriptors(const struct start *s) {
    const int lock = s->command->lock;
    for (int i = 0; i < 3; i++)
        if (s->fds[i] != i && dup2(s->fds[i], i) == -1)
            return false;
    return lock == -1
           || (lock == LIMIT_LOCK_FD ? fcntl(lock, F_SETFD, 0) : dup2(lock, LIMIT_LOCK_FD)) != -1;
}

/* The child, which shares this process's memory and changes nothing of it but its own stack,
 * `failure` and `shares`. It becomes the account as late as it can: from then on others of that
 * account can stop it. */
static int become_command(void *context) {
    struct start *s = context;
    const struct run_command *c = s->command;
    sigset_t none;
    bool without_privileges = false;
    sigemptyset(&none);
    if (s->report == -1)
        syscall(SYS_set_tid_address, &s->shares);
    reset_signals();
    if (stand_alone(c) && place_descriptors(s)
        && (c->account == NULL || drop_in_child(c->account) == 0)
        && (chdir(c->directory) == 0 || chdir("/") == 0)
        && !(s->failure.open = !enter_rulesets(c->rulesets, &without_privileges))
        && (!c->no_new_privs || without_privileges
            || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)) {
        sigprocmask(SIG_SETMASK, &none, NULL);
        exec_command(c->argv, c->environment);
    }
    const struct failure failure = {errno, s->failure.open};
    s->failure = failure;
    if (s->report != -1)
        (void)!write(s->report, &failure, sizeof failure);
    _exit(127);
}

/* Signals a process, or the group -pid. Root without the capability KILL may signal nobody else's:
 * a child becomes the account and does it. */
static void signal_command(pid_t pid, const struct account *account, int signal) {
    if (kill(pid, signal) == 0 || errno != EPERM || account == NULL)
        return;
    pid_t child = fork();
    if (child == 0) {
        if (drop_to(account) == 0)
            kill(pid, signal);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* Waits until the child does not share this process's memory any more. False when that takes too
 * long: others of its account may have stopped it. */
static bool await_end_of_sharing(_Atomic int *shares) {
    int64_t deadline = clock_after(clock_now(), LIMIT_START_MS), left;
    while (*shares != 0 && (left = deadline - clock_now()) > 0) {
        /* The kernel's old form of it, which SYS_futex takes on all machines. */
        const long wait[2] = {(long)(left / 1000), (long)(left % 1000) * 1000000};
        syscall(SYS_futex, shares, FUTEX_WAIT, 1, wait, NULL, 0);
    }
    return *shares == 0;
}

/* The same where the child has memory of its own, and a pipe that is closed by execve(2). */
static bool await_report(int report, struct failure *failure) {
    struct pollfd pfd = {.fd = report, .events = POLLIN};
    int ready;
    do
        ready = poll(&pfd, 1, LIMIT_START_MS);
    while (ready == -1 && errno == EINTR);
    if (ready == 1 && (pfd.revents & POLLIN) != 0 && read(report, failure, sizeof *failure) < 0)
        ready = -1;
    return ready == 1;
}

/* What stands in for a kernel (qemu-user) may let threads alone share memory. Returns whether the
 * child came to its end in time; *pid is -1 with errno where there is none. */
static bool start_apart(struct start *s, pid_t *pid) {
    int report[2];
    *pid = -1;
    if (pipe2(report, O_CLOEXEC) == -1)
        return false;
    s->report = report[1];
    if ((*pid = fork()) == 0)
        become_command(s);
    int error = errno;
    close(report[1]);
    bool ended = *pid != -1 && await_report(report[0], &s->failure);
    close(report[0]);
    errno = error;
    return ended;
}

/* Starts the command's process with our memory and a stack of its own: no page is copied. vfork(2)
 * is not enough, since it waits for the child, which others of its account can stop as soon as it
 * is theirs. No signal has a handler here, which could run in it. Returns 0, or the errno. */
static int spawn_command(struct run *r, const struct run_command *command, const int fds[3]) {
    static _Alignas(4096) char stack[LIMIT_START_STACK];
    struct start s = {.command = command, .fds = fds, .shares = 1, .report = -1};
    bool ended = false;
    r->pid = clone(become_command, stack + sizeof stack, CLONE_VM | SIGCHLD, &s);
    if (r->pid != -1)
        ended = await_end_of_sharing(&s.shares);
    else if (errno == EINVAL)
        ended = start_apart(&s, &r->pid);
    if (r->pid == -1)
        return errno;
    int error = ended ? s.failure.error : ETIMEDOUT;
    r->open = s.failure.open;
    if (!ended)
        signal_command(r->pid, command->account, SIGKILL);
    if (error != 0)
        waitpid(r->pid, NULL, 0);
    return error;
}

/* A pipe to or from the command: ours is the end that it does not get. Returns 0, or the errno. */
static int open_pipe(int *ours, int *theirs, bool to_command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1)
        return errno;
    *ours = ends[to_command];
    *theirs = ends[!to_command];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

static int open_pipes(struct run *r, int theirs[3], enum run_form form) {
    if (form == RUN_TERMINAL)
        return 0;
    int error = open_pipe(&r->out[RUN_OUT], &theirs[1], false);
    if (error == 0 && form == RUN_STREAMS)
        error = open_pipe(&r->out[RUN_ERR], &theirs[2], false);
    if (error == 0 && form != RUN_MERGED)
        error = open_pipe(&r->in, &theirs[0], true);
    return error;
}

int run_start(struct run *r, const struct run_command *command) {
    int theirs[3] = {-1, -1, -1}, fds[3];
    bool terminal = command->form == RUN_TERMINAL;
    *r = (struct run){.in = -1,
                      .out = {-1, -1},
                      .account = command->account,
                      .terminal = -1,
                      .next_signal = CLOCK_NEVER,
                      .started = clock_now()};
    if (terminal && !command->leads_terminal) {
        r->terminal = command->terminal;
        r->foreground = tcgetpgrp(r->terminal);
    }
    int error = open_pipes(r, theirs, command->form);
    for (int i = 0; i < 3; i++)
        fds[i] = terminal ? command->terminal : theirs[i] != -1 ? theirs[i] : theirs[1];
    if (command->form == RUN_MERGED)
        fds[0] = command->input != -1 ? command->input : fd_null();
    if (error == 0 && fds[0] == -1)
        error = errno;
    if (error == 0)
        error = spawn_command(r, command, fds);
    for (int i = 0; i < 3; i++)
        fd_close(&theirs[i]);
    if (error != 0)
        run_close_pipes(r);
    return error;
}

void run_close_pipes(struct run *r) {
    fd_close(&r->in);
    for (int i = 0; i < RUN_PIPES; i++)
        fd_close(&r->out[i]);
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
    signal_command(-r->pid, r->account, r->signals[0]);
    bool last = r->signals[0] == SIGKILL;
    memmove(r->signals, r->signals + 1, sizeof r->signals - sizeof *r->signals);
    r->next_signal = last ? CLOCK_NEVER : clock_after(now, LIMIT_GRACE_MS);
}

/* Unless somebody has taken it meanwhile. */
static void give_foreground_back(struct run *r) {
    if (r->terminal != -1 && r->foreground > 0 && tcgetpgrp(r->terminal) == r->pid)
        set_foreground(r->terminal, r->foreground);
    r->terminal = -1;
}

/* The group's number can't be given to another process while somebody is in the group. Its members
 * are no children of ours, so there is nothing to wait on: ask. Some of them may be beyond our
 * reach (sudo), and are there all the same. */
static bool group_is_empty(const struct run *r) { return kill(-r->pid, 0) == -1 && errno != EPERM; }

bool run_is_over(struct run *r) {
    if (!r->reaped && child_ended) {
        child_ended = false;
        r->reaped = waitpid(r->pid, &r->status, WNOHANG) == r->pid;
    }
    if (r->reaped && !r->over)
        r->over = r->signal_count == 0 || r->next_signal == CLOCK_NEVER || group_is_empty(r);
    if (r->over)
        give_foreground_back(r);
    return r->over;
}

int run_exit_code(const struct run *r, int *signal) {
    *signal = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;
    return *signal != 0 ? 128 + *signal : WEXITSTATUS(r->status);
}
