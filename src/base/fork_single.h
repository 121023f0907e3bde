/* fork_single.h: fork(2) of a process that has no threads. */
#ifndef BASE_FORK_SINGLE_H
#define BASE_FORK_SINGLE_H

#include <sys/types.h>

/* As fork(2), by the system call alone. The C library's own blocks all signals around it, and
 * brings up to date what threads need: eight system calls more. So the child must not raise(3) or
 * abort(3), and has no handler that does (the library would take it for its parent). */
pid_t fork_single(void);

#endif
