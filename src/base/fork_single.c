#include "base/fork_single.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t fork_single(void) {
#ifdef SYS_fork
    return (pid_t)syscall(SYS_fork);
#else
    /* Machines without that call all have the flags as clone(2)'s first argument. */
    return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
#endif
}
