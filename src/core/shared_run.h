/* shared_run.h: runs that several requests share (COMMAND_LOCK=rerun and join): which run covers a
 * request, and which one request of many waits to make the next.
 *
 * Beside the lock file (core/lock.h) RUN_DIR has a file of the last runs, which this process's
 * account alone may open: no command can write it, or let go of what is locked there. Each run has
 * a number, given while it holds the lock and before its command starts, and each request notes the
 * number of the last run of its kind when it comes: a run with a higher one has begun after it. The
 * requests of one kind that have noted the same number want the same run. One of them makes it: the
 * one that has locked their place in the file (a byte, by fcntl(2), F_OFD_SETLK, that the kernel
 * lets go with the process), which then takes the lock, numbers its run, starts it, says so, and
 * gives the place up. The others wait for the place, and see who gets it that the run has begun; or
 * that it has not, since whoever was to make it was killed or could not: then it is theirs to
 * make. */
#ifndef CORE_SHARED_RUN_H
#define CORE_SHARED_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"
#include "wire/sha256.h"

enum {
    SHARED_RUN_NAME = 17, /* of a run: 16 hexadecimal digits and a NUL */
    SHARED_RUN_FILE = sizeof "shared." + LIMIT_ROLE_NAME
};

/* One request's share. */
struct shared_run {
    int fd;                         /* the file; -1: it takes no part */
    unsigned char key[SHA256_SIZE]; /* what its run would be, and a run that covers it is */
    uint64_t seen;                  /* the last run of that kind when it came; 0: none is known */
    bool has_place;                 /* it is the one that makes the next run */
    uint64_t number;                /* of the run that it makes; 0: none yet, or not to be shared */
};

/* A request has come, for a run of the kind `key`: opens the file of the role (NULL: of none) in
 * the open directory RUN_DIR. With `joins` a run that is just being started will do, too. Returns
 * 0, or -1 with errno. */
int shared_run_open(struct shared_run *s, int directory, const char *role,
                    const unsigned char key[SHA256_SIZE], bool joins);

enum shared_run_turn {
    SHARED_RUN_COVERED, /* a run has begun since the request came, and its command was started */
    SHARED_RUN_MINE,    /* this process has the place: it makes the next run */
    SHARED_RUN_OTHERS,  /* another one does */
    SHARED_RUN_ERROR    /* errno says why */
};

/* Whose the next run is; of one that covers the request the name. To be asked again by who has the
 * place, once it has the lock too. */
enum shared_run_turn shared_run_take(struct shared_run *s, char run[SHARED_RUN_NAME]);

/* After SHARED_RUN_OTHERS: starts a child that waits until this process has the place, or has no
 * need of it, and then ends. It may be killed before: shared_run_take knows. Returns its process
 * id, or -1. */
pid_t shared_run_queue(struct shared_run *s);

/* The last run of this kind that has begun, whenever that was. */
bool shared_run_last(const struct shared_run *s, char run[SHARED_RUN_NAME]);

/* This process has the place and the lock: its run begins now. */
void shared_run_begin(struct shared_run *s, const char *run);

/* Its command was started, so that it covers others from now on; or, without `started`, it was not,
 * and they have to see for themselves. Gives up the place, and closes the file. Also for a request
 * that takes no part (any more). */
void shared_run_leave(struct shared_run *s, bool started);

#endif
