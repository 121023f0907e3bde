/* handoff.h: what `bastion ssh` tells the login shell of its session, and how the shell's lines
 * reach the log.
 *
 * The shell can't believe its environment, which the client wrote. It finds a socket named by the
 * process id of its parent, tinysshd, in a directory that only root can write; `bastion ssh`
 * (tinysshd's parent) answers there, once, and only a child of tinysshd that is the account's. Then
 * lines of the log come the other way, each answered by '+' or '-'. */
#ifndef SSH_HANDOFF_H
#define SSH_HANDOFF_H

#include <stdbool.h>
#include <sys/types.h>

#include "ssh/setup.h"
#include "limit.h"

#define HANDOFF_DIRECTORY RUN_DIRECTORY "/sessions"

struct handoff {
    const char *run;  /* the session's and its run's name */
    const char *user; /* the key's identity */
    const char *peer;
    bool no_pty; /* this key may have no terminal */
    int record;  /* the lock's file, open for writing (struct lock), or -1 */
    /* the administrator's: settings and what the command gets; ends with NULL */
    char *const *environment;
};

/* ---- bastion ssh ---- */

/* Opens the socket for the children of `pid`, a child of this process that has not started yet, who
 * will run as `uid`. Returns a listening descriptor that does not block, or -1 with errno. A shell
 * whose tinysshd has died becomes this process's child (PR_SET_CHILD_SUBREAPER, prctl(2)) and finds
 * under its number a door that is shut. */
int handoff_listen(pid_t pid, uid_t uid);

/* Takes the next caller. Returns a descriptor when it is a child of `pid` that runs as `uid`;
 * others are turned away: -1. *input is the reading end of the pipe that is the caller's standard
 * input, or -1 where that is a terminal: to be kept open as long as tinysshd is there, who takes it
 * for a fatal error when nobody can read what the client still sends, and forgets to tell the
 * client how the command ended. */
int handoff_accept(int listener, pid_t pid, uid_t uid, int *input);

/* Tells the caller. Returns 0, or -1: it did not listen, or the ticket is too large. */
int handoff_give(int caller, const struct handoff *t);

/* Passes on the line that has come from the caller to the log. *running becomes true when it was
 * the one of a run's start, false when it was that of its end. Returns 0, or -1 when the caller is
 * gone or not to be talked to. */
int handoff_pass_line(int caller, bool *running);

/* Closes the door to the children of `pid`: when the first caller is in, or `pid` is gone. */
void handoff_close(int *listener, pid_t pid);

/* Takes away what stands for this process: when no shell is left that could ask. */
void handoff_end(void);

/* ---- the login shell ---- */

/* Asks. `parent` is getppid(2) as it was at the start. Returns a descriptor for the relay of
 * struct log (base/log.h); -1
 * with errno ENOENT when no `bastion ssh` serves the session, with another when it gives no ticket,
 * or nobody can tell any more since the parent is gone: then nothing may run. */
int handoff_ask(struct handoff *t, pid_t parent);

#endif
