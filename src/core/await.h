/* await.h: where the monitor waits while it serves a request: for the lock, and for the command's
 * end. Meanwhile it sees whether the front, and with it the client, is still there. */
#ifndef CORE_AWAIT_H
#define CORE_AWAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/lock.h"
#include "core/message.h"
#include "core/outcome.h"
#include "core/record.h"
#include "core/run.h"

/* The other end of the monitor's socket. */
struct front_link {
    int fd;       /* -1 once the front is gone */
    bool invalid; /* it has sent what it may not: it counts as gone, and a fault */
    bool slow;    /* it has said that its client is ... */
    /* ... which it may say from this time on, and each time LIMIT_SLOW_MS later; 0: not now */
    int64_t slow_after;
    bool counted;  /* it has told `bytes` */
    int64_t bytes; /* of the command's output that it has read, or has still to read */
    struct received in;
};

/* The front is gone, or has to go. */
void front_link_close(struct front_link *f);

/* Takes what the front has said while it is served. */
void front_link_receive(struct front_link *f);

/* Sends it a message (message_send), unless it is gone; one that does not take it is gone. */
void front_link_send(struct front_link *f, const struct message *m, const void *text, size_t n,
                     const int *fds, size_t count);

/* Waits once, for `events` (poll(2)) of a descriptor; takes what the front and the signals say
 * meanwhile. False where the front is gone, or this process is told to end (run_told). */
bool front_link_wait(struct front_link *f, int fd, short events);

enum await_lock {
    AWAIT_DONE,   /* it has ended; if it was killed, perhaps without the lock */
    AWAIT_FAILED, /* it has ended without */
    AWAIT_NO_MORE /* it is not waited for any more, and was ended */
};

/* Waits for `child` (lock_queue, shared_run_queue), until the deadline, or this process is told to
 * end, or somebody wants the run of `record` (or NULL) to be ended, or, with `leave`, the client is
 * gone. */
enum await_lock await_lock(struct front_link *f, struct record *record, pid_t child,
                           int64_t deadline, bool leave);

/* One run: the caller fills in the first six, and reads the others. */
struct await {
    struct front_link *front;
    struct run *run;
    const struct lock *lock; /* that the run holds; its fd is -1 where it holds none */
    struct record *record;   /* takes the output, which the front does not get; or NULL */
    bool hangup;             /* the command is ended when the client goes away */
    int64_t deadline;        /* when the command is ended in any case, or CLOCK_NEVER */
    bool timed_out;          /* that has happened */
    bool was_killed;         /* somebody wanted it to be ended */
    bool was_gone;           /* the client had gone before the end */
    bool was_slow;           /* since it was slow, and others wanted the lock */
    int64_t bytes;           /* of output that the command has written; -1: not known */
};

/* Waits until the run is over (run_is_over), and asks the front how much output there was. What is
 * for a record is read here; what a front that is gone does not read any more is read here and
 * dropped, so that the command can go on. The pipes of the run are closed then. */
void await_end(struct await *a);

#endif
