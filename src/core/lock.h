/* lock.h: one run at a time. flock(2) on a file in RUN_DIR, on a descriptor that the command
 * inherits: the lock is free when the last process of the command's tree is gone, however it
 * went. */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"

enum {
    LOCK_NAME = 17, /* 16 hexadecimal digits and a NUL: the name of a run, and that of a command */
    LOCK_FILE = sizeof "lock." + LIMIT_ROLE_NAME,
    LOCK_USER = LIMIT_LOCK_USER + sizeof "\"...\"" /* a user's name as quote_text writes it */
};

/* The lock file says whose run it is, in one line that whoever holds the lock has written: for
 * those who find it held. */
struct lock {
    int directory; /* RUN_DIR, opened before root is dropped; -1 with `error` when that failed */
    char file[LOCK_FILE]; /* its name there */
    int fd;               /* open while this process takes part; -1 else */
    int error;            /* errno of the failure */
    /* the file open for writing, as no command has it; -1 where this process may not write it */
    int record;
    bool waits;    /* this process is one of those who wait in line */
    bool recorded; /* it tells of the run that this process holds the lock for */
};

/* Opens RUN_DIR and sees to it that the lock file of the role (NULL: of none) exists and that
 * `group`, whose account will take the lock, can read it: that is enough, and so no command can
 * fill the file or change its mode. RUN_DIR must exist, belong to root or this process and be
 * writable by nobody else. A failure is kept for lock_take: a connection that runs nothing needs no
 * lock. */
void lock_prepare(struct lock *l, const char *run_dir, const char *role, gid_t group);

/* Whether what lock_prepare has opened a while ago is still what is there: nobody has taken the
 * file or the directory away since, or let others write in it. */
bool lock_is_in_place(const struct lock *l);

/* Closes what lock_prepare has opened. */
void lock_close(struct lock *l);

/* Tries to take the lock: 1 taken, 0 somebody holds it, -1 with errno. A new open file each time:
 * two runs of one connection are as much in each other's way as those of two. */
int lock_take(struct lock *l);

/* After lock_take gave 0: whoever holds it sees by lock_is_wanted that somebody else would. Says
 * nothing where this process may not write the file. */
void lock_want(struct lock *l);

/* This process holds the lock: whether somebody waits for it now, or has found it held in the last
 * `ms` milliseconds. */
bool lock_is_wanted(const struct lock *l, int64_t ms);

/* After lock_take gave 0: starts a child that waits in line in flock(2) and ends with status 0 when
 * it has the lock; since the lock belongs to the open file, this process has it then. Returns its
 * process id, or -1. */
pid_t lock_queue(struct lock *l);

/* This process holds the lock: writes down for which run of which command, and whose. */
void lock_record(struct lock *l, const char *run, const char *command, const char *user);

/* Leaves the lock to the command's tree, or to the next one: the run has ended. */
void lock_leave(struct lock *l);

struct lock_holder {
    char run[LOCK_NAME], command[LOCK_NAME]; /* empty: not known */
    char user[LOCK_USER];                    /* in double quotes, printable ASCII */
    int64_t since;                           /* seconds since 1970 */
    bool ended; /* the run has ended, and something that it left behind holds the lock */
    /* a process that does, where the run is not known or has ended; 0: none that this account may
     * look at */
    pid_t pid;
    char name[32]; /* of that process, as it calls itself */
};

/* After lock_take gave 0: who holds it. What it says of a run is what the file says, whose writer
 * may be the command where this process is no root's: names and times in it are well-formed, no
 * more. */
void lock_look(const struct lock *l, struct lock_holder *h);

#endif
