/* run.h: the command's process, from exec to its end, as the monitor sees it. */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/account.h"

/* The command's descriptors 0, 1 and 2. */
enum run_form {
    RUN_MERGED,       /* nothing to read; output and error in one pipe */
    RUN_MERGED_INPUT, /* the same, and a pipe to read */
    RUN_STREAMS,      /* a pipe for each */
    RUN_TERMINAL      /* a terminal, which becomes the command's controlling one */
};
enum { RUN_OUT, RUN_ERR, RUN_PIPES };

/* What is closed to the command: of the configuration, and of other runs. */
enum { RUN_PROTECTED, RUN_APART, RUN_RULESETS };

struct run {
    pid_t pid; /* also the number of its session and process group */
    int in;    /* write end of its standard input, or -1 */
    /* read ends of its standard output and error, or -1: the second too when they are merged */
    int out[RUN_PIPES];
    const struct account *account; /* as whom it runs; NULL: as this process */
    int terminal;     /* in whose foreground the command's process group is; or -1 */
    pid_t foreground; /* the group that was there before, and will be */
    int64_t started;
    bool open;           /* it was not started, since it could not be put under its rulesets */
    bool reaped;         /* the command itself has ended */
    bool over;           /* and so has all that the run waits for */
    int status;          /* as waitpid(2) gives it, once reaped */
    int64_t next_signal; /* deadline of the next one, or CLOCK_NEVER */
    int signals[3], signal_count;
};

/* Signals that this process lives by: SIGCHLD and those that tell it to end, SIGTERM, SIGINT and
 * SIGHUP. From the first request on they are blocked. While there is a command run_signals is a
 * descriptor that is ready to be read when there are some, which run_take_signals takes, and
 * run_told is the one that told this process to end, or 0; at other times the process ends by them
 * where it waits (core/monitor.c). run_watch_signals returns false, with errno, where there can be
 * no such descriptor. run_block_signals blocks them before the first request, and SIGPIPE with
 * them, for a process that is forked meanwhile too. */
bool run_watch_signals(void);
void run_block_signals(void);
int run_signals(void);
void run_take_signals(void);
int run_told(void);

/* When they are blocked, and no command runs: waits for a child's end until the deadline
 * (base/clock.h). False when that has passed, or this process was told to end. */
bool run_await_child(int64_t deadline);

/* What to start. */
struct run_command {
    /* argv[0] is looked for in the environment's PATH if it has no slash */
    const char *const *argv;
    char *const *environment;
    const char *directory;         /* where it starts; else in / */
    const struct account *account; /* as whom; NULL: as this process */
    int lock; /* a descriptor that it has besides 0, 1 and 2, as LIMIT_LOCK_FD; or -1 */
    int rulesets[RUN_RULESETS]; /* of base/landlock.h, or -1 */
    bool no_new_privs;          /* prctl(2) */
    enum run_form form;
    int input;           /* RUN_MERGED: what it reads, which stays the caller's; -1: nothing */
    int terminal;        /* RUN_TERMINAL: an open terminal, which stays the caller's */
    bool leads_terminal; /* no session has that terminal: the command's takes it */
};

/* Starts it in a session of its own with default signals. Returns 0, or the errno with which it
 * could not be started (execve(2)); nothing runs then. RUN_TERMINAL: where the terminal is another
 * session's, which must be this process's, the command becomes that one's foreground process group
 * instead, until its end; the terminal must be open as long. */
int run_start(struct run *r, const struct run_command *command);

/* Asks the command's process group to end: SIGTERM (with `hangup`, SIGHUP before it), then SIGKILL,
 * LIMIT_GRACE_MS between two. A second call changes nothing. */
void run_end(struct run *r, bool hangup, int64_t now);

/* Sends the signal whose time has come. */
void run_tick(struct run *r, int64_t now);

/* Looks for the end of the run: true once it has come. That is the command's own end; but where it
 * was asked to end, there may be others of its process group that have something to do first, such
 * as a script's trap under a shell that is gone at once: then the run lasts until nobody is left
 * there or SIGKILL was sent. Nobody tells of their end: while `reaped` and not `over`, it has to be
 * looked for again after LIMIT_GROUP_LOOK_MS. */
bool run_is_over(struct run *r);

/* Closes what is open of its pipes. */
void run_close_pipes(struct run *r);

/* The exit code as a shell counts: 128 + n for signal n. *signal is that n, or 0. */
int run_exit_code(const struct run *r, int *signal);

#endif
