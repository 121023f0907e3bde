/* relay.h: the loop in which a front waits while its request is served: until the monitor has said
 * what became of it, and the client has all of the output. */
#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frontend.h"
#include "core/message.h"
#include "core/run.h"

/* One request with its client: the caller fills in the first three. */
struct relay {
    struct frontend *client;
    int link;            /* to the monitor; -1 once it is gone, or the client is */
    struct received *in; /* room for its messages */
    int out[RUN_PIPES];  /* ends of the command's pipes, or -1 */
    int input;
    bool started, ended; /* the command has; its end is known */
    bool counts;         /* it is a run whose output is counted, and comes by a pipe */
    bool counted;        /* the monitor has been told `bytes` */
    bool wide;           /* its pipes are (widen_pipes) */
    int64_t bytes;       /* of output that the command has written */
    /* whether the client is slow: when that is to be known, CLOCK_NEVER while it has all there is;
     * what it had taken of the output when that time began; and that the monitor was told */
    int64_t slow_at, taken;
    bool held_up; /* there is output for which there is no room */
    bool slow;
    /* how many more bytes of each pipe are passed on: any number until the run is over, then those
     * that were in it at that moment */
    int64_t most[RUN_PIPES];
};

/* Passes output and input on until there is an outcome, *o, and the client has all of the output;
 * or the client is gone: then the link is closed, which tells the monitor. */
void relay_run(struct relay *r, struct outcome *o);

#endif
