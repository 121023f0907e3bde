/* relay.h: the two loops in which a process waits while it serves a request: until its command has
 * ended, and until it has the lock. */
#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frontend.h"
#include "core/run.h"

/* One run with its client: the caller fills in the first four and the last two, and reads the
 * rest. */
struct relay {
    struct frontend *client;
    struct run *run;
    bool hangup;      /* the command is ended when the client goes away */
    int64_t deadline; /* when the command is ended in any case, or CLOCK_NEVER */
    bool timed_out;   /* that has happened */
    int64_t bytes;    /* of output that the command has written */
    /* how many more bytes of each pipe are passed on: any number until the run is over, then those
     * that were in it at that moment */
    int64_t most[RUN_PIPES];
    /* called at once when the run is over, before what is still in the pipes is passed on; `bytes`
     * counts that already */
    void (*ended)(struct relay *);
    void *context;
};

/* Passes output and input on until the run is over (run_is_over) and the client has all of the
 * output, or is gone. */
void relay_run(struct relay *r);

/* Waits for `child` (lock_queue). True when it ended with status 0; false at the deadline, when
 * this process is told to end, or, with `leave`, when the client is gone: the child is ended
 * then. */
bool relay_wait_child(struct frontend *c, pid_t child, int64_t deadline, bool leave);

#endif
