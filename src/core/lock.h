/* lock.h: one run at a time. flock(2) on a file in RUN_DIR, on a descriptor that the command inherits: the lock is
 * free when the last process of the command's tree is gone, however it went. */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <sys/types.h>

struct lock {
    int folder; /* RUN_DIR, opened before root is dropped; -1 with `error` when that failed */
    int fd;     /* open while this process takes part; -1 else */
    int error;  /* errno of the failure */
};

/* Opens RUN_DIR and sees to it that the lock file exists and that `group`, whose account will take the lock, can read it: that is
 * enough, and so no command can fill the file or change its mode. RUN_DIR must exist, belong to root or this process and be
 * writable by nobody else. A failure is kept for lock_take: a connection that runs nothing needs no lock. */
void lock_prepare(struct lock *l, const char *run_dir, gid_t group);

/* Tries to take the lock: 1 taken, 0 somebody holds it, -1 with errno. A new open file each time: two runs of one
 * connection are as much in each other's way as those of two. */
int lock_take(struct lock *l);

/* After lock_take gave 0: starts a child that waits in line in flock(2) and ends with status 0 when it has the
 * lock; since the lock belongs to the open file, this process has it then. Returns its process id, or -1. */
pid_t lock_queue(struct lock *l);

/* Leaves the lock to the command's tree, or to the next one. */
void lock_leave(struct lock *l);

#endif
