/* tracer.h: watches over tinysshd's children by ptrace(2). tinysshd lets in whoever has a key in the .ssh folder of the account
 * that he names, any account of the machine, and runs that account's shell; here one account's is the only one that
 * may start. So its child is held at the moment when it has become the shell, before the shell's first instruction. */
#ifndef SSH_TRACER_H
#define SSH_TRACER_H

#include <stdbool.h>
#include <sys/types.h>

/* Begins to watch `pid`, a child that has not called execve(2) yet, and whatever it forks; they are killed when this
 * process ends. False where the system does not allow it. */
bool guard_watch(pid_t pid);

enum guard_news {
    GUARD_NOTHING, /* nothing more for now */
    GUARD_EXEC,    /* *pid has become another program and is held: guard_release or kill(2) it */
    GUARD_ENDED    /* *pid, a child, has ended */
};

/* Takes the next news of the children of this process, without waiting: to be called until nothing is left whenever
 * SIGCHLD came. `root` is the first process, whose own execve(2) is no news. */
enum guard_news guard_next(pid_t root, pid_t *pid);

/* Whether this process has no children any more. */
bool guard_is_alone(void);

/* Lets the held process go, unwatched from now on. */
void guard_release(pid_t pid);

#endif
