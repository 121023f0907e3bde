/* handoff.h: how `bastion ssh` tells the login shell of its session who has logged in, and how the
 * shell's lines reach the log.
 *
 * The login shell can't believe its environment, which the client wrote. It connects to a socket in
 * a directory that only root can write; the socket's name is the process id of its parent,
 * tinysshd. `bastion ssh`, which is tinysshd's parent, listens there and answers once, and only a
 * child of tinysshd that runs as the account. Over the same connection the shell then sends its
 * lines of the log, and gets '+' (it is logged) or '-' for each. */
#ifndef SSH_HANDOFF_H
#define SSH_HANDOFF_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/run_directory.h"
#include "limit.h"

#define HANDOFF_DIRECTORY RUN_DIRECTORY "/sessions"

/* What the login shell is told. */
struct handoff {
    const char *run;  /* the name of the session and its run */
    const char *user; /* the key's identity */
    const char *peer;
    bool no_pty; /* this key may have no terminal */
    int record;  /* the lock's file, open for writing (struct lock), or -1 */
    /* the administrator's settings and what the command gets of his environment; ends with NULL */
    char *const *environment;
};

/* ---- bastion ssh ---- */

/* Opens the socket for the children of `pid`, a child of this process that has not started yet, who
 * will run as `uid`. Returns a listening descriptor that does not block, or -1 with errno.
 *
 * This process also becomes the one that inherits a login shell whose tinysshd has died
 * (PR_SET_CHILD_SUBREAPER, prctl(2)). Such a shell looks for a socket under this process's id. It
 * finds a file there that is no socket and that it may not open: it is refused, and does not take
 * itself for the shell of another sshd. */
int handoff_listen(pid_t pid, uid_t uid);

/* Accepts the next connection. Returns a descriptor when it is from a child of `pid` that runs as
 * `uid`; any other is closed: -1. *input becomes the reading end of the pipe that is the shell's
 * standard input, or -1 where that is a terminal. It is to be kept open as long as tinysshd lives:
 * when nobody can read what the client still sends, tinysshd takes that for a fatal error, and the
 * client does not learn how the command ended. */
int handoff_accept(int listener, pid_t pid, uid_t uid, int *input);

/* Tells the shell. Returns 0, or -1: it did not read, or there is more to tell than fits. */
int handoff_give(int shell, const struct handoff *handoff);

/* The lines that come from one shell. */
struct handoff_lines {
    bool running; /* a line told of a run's start, and none of its end */
    size_t n;
    char line[LIMIT_LOG_LINE]; /* as far as it has come */
};

/* Reads on, and passes a line that is complete to the log. Returns 0, or -1 when the shell is gone,
 * or has sent what is no line of the log. */
int handoff_pass_line(int shell, struct handoff_lines *lines);

/* Closes the socket for the children of `pid`: when the shell has connected, or `pid` has ended. */
void handoff_close(int *listener, pid_t pid);

/* Removes the file under this process's id: when no shell is left that could look for it. */
void handoff_end(void);

/* ---- the login shell ---- */

/* Room for what is received; a struct handoff points into it. */
struct handoff_room {
    char text[LIMIT_HANDOFF];
    char *environment[LIMIT_ENVIRONMENT + 1];
};

/* Asks who has logged in. `parent` is getppid(2) as it was at the start. Returns a descriptor for
 * the relay of struct log (base/log.h). Else -1: with errno ENOENT no `bastion ssh` serves the
 * session, but another sshd; with any other it was refused, or nobody can tell any more since the
 * parent is gone, and nothing may run. */
int handoff_ask(struct handoff *handoff, struct handoff_room *room, pid_t parent);

#endif
