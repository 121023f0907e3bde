/* proc_stat.h: what the kernel says of a process in /proc/PID/stat (proc(5)). */
#ifndef BASE_PROC_STAT_H
#define BASE_PROC_STAT_H

#include <stdbool.h>
#include <sys/types.h>

struct proc_stat {
    pid_t parent, session;
    bool has_ended; /* nobody has waited for it yet (a zombie) */
};

/* False when there is no such process, or nobody can know. */
bool proc_stat_read(struct proc_stat *s, pid_t pid);

#endif
