/* relay.h: the waiting loops between a client and a command. */
#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frontend.h"
#include "core/run.h"

/* What the loop tells while it goes. */
struct relay {
    struct frontend *client;
    struct run *run;
    bool hangup;      /* ON_DISCONNECT for this run */
    int64_t deadline; /* of the command, or CLOCK_NEVER */
    bool timed_out;
    int64_t bytes; /* of output */
    /* bytes of each stream that are still the command's: all of them until the run is over */
    int64_t most[RUN_PIPES];
    void (*ended)(struct relay *); /* called at once when the run is over: what its output still in
                                      the pipe is, `bytes` counts already */
    void *context;
};

/* Carries output and input until the run is over (run_is_over) and its output is delivered, or
 * nobody is there for it. */
void relay_run(struct relay *r);

/* Waits for `child` (lock_queue). True when it ended with status 0; false at the deadline, when
 * this process is told to end, or, with `leave`, when the client is gone: the child is ended
 * then. */
bool relay_wait_child(struct frontend *c, pid_t child, int64_t deadline, bool leave);

#endif
