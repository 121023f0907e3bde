/* tracer.h: watches over tinysshd's children by ptrace(2). tinysshd lets in whoever has a key in
 * the .ssh directory of the account that he names, any account of the machine, and runs that
 * account's shell; here one account's is the only one that may start. So its child is held at the
 * moment when it has become the shell, before the shell's first instruction. */
#ifndef SSH_TRACER_H
#define SSH_TRACER_H

#include <stdbool.h>
#include <sys/types.h>

/* Begins to watch `pid`, a child that has not called execve(2) yet, and whatever it forks; they are
 * killed when this process ends. False where the system does not allow it. */
bool tracer_watch(pid_t pid);

enum tracer_event {
    TRACER_NOTHING, /* nothing more for now */
    TRACER_EXEC,    /* *pid has become another program and is held: tracer_release or kill(2) it */
    TRACER_ENDED    /* *pid, a child, has ended */
};

/* Takes the next news of the children of this process, without waiting: to be called until nothing
 * is left whenever SIGCHLD came. `root` is the first process, whose own execve(2) is no news. */
enum tracer_event tracer_next(pid_t root, pid_t *pid);

/* Lets the held process go, unwatched from now on. */
void tracer_release(pid_t pid);

#endif
