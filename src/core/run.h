/* run.h: the command's process, from exec to its end. */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The command's descriptors 0, 1 and 2. */
enum run_form {
    RUN_MERGED,       /* nothing to read; output and error in one pipe */
    RUN_MERGED_INPUT, /* the same, and a pipe to read */
    RUN_STREAMS,      /* a pipe for each */
    /* this process's own: a terminal, which becomes the command's controlling one */
    RUN_TERMINAL
};
enum { RUN_OUT, RUN_ERR, RUN_PIPES };

/* What is closed to the command: of the configuration, and of other runs. */
enum { RUN_PROTECTED, RUN_APART, RUN_RULESETS };

struct run {
    pid_t pid; /* also the number of its session and process group */
    int in;    /* write end of its standard input, or -1 */
    /* read ends of its standard output and error; -1 after their end, the second too when they are
     * merged */
    int out[RUN_PIPES];
    int64_t started;
    bool wide;           /* run_widen has been called */
    bool open;           /* it was not started, since it could not be put under its rulesets */
    bool reaped;         /* the command itself has ended */
    bool over;           /* and so has all that the run waits for */
    int status;          /* as waitpid(2) gives it, once reaped */
    int64_t next_signal; /* deadline of the next one, or CLOCK_NEVER */
    int signals[3], signal_count;
};

/* Signals that this process lives by while it has a command: they are blocked outside of
 * run_wait_mask's waits. run_told is the signal (SIGTERM, SIGINT or SIGHUP) that told this process
 * to end, or 0. */
void run_watch_signals(void);
void run_forget_signals(void);
const sigset_t *run_wait_mask(void);
int run_told(void);

/* Starts argv[0] (looked for in the environment's PATH if it has no slash) in a session of its own
 * with the given environment, descriptor `lock` (or -1) besides 0, 1 and 2, and default signals,
 * under the `rulesets` of base/landlock.h (or -1), with `no_new_privs` (prctl(2)) or not. Returns
 * 0, or the errno with which it could not be started (execve(2)); nothing runs then. RUN_TERMINAL:
 * where this process leads the terminal's session, it gives the terminal up for good, so that the
 * command gets the kernel's hang-up, its signals and the new sizes as if this process were not
 * there. */
int run_start(struct run *r, const char *const *argv, char *const *environment, int lock,
              const int rulesets[RUN_RULESETS], bool no_new_privs, enum run_form form);

/* Makes the pipes of its output wide ones (F_SETPIPE_SZ, fcntl(2)), for bulk output: twice the
 * throughput where the command writes large pieces. For a few lines it would be a call too many. */
void run_widen(struct run *r);

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

/* The exit code as a shell counts: 128 + n for signal n. *signal is that n, or 0. */
int run_exit_code(const struct run *r, int *signal);

#endif
