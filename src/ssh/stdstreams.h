/* stdstreams.h: a run's events on this process's own descriptors 0, 1 and 2, as an sshd gives them
 * to a session: pipes for input, output and errors, between which and the command bytes are passed;
 * or a terminal, which the command has as its own. */
#ifndef SSH_STDSTREAMS_H
#define SSH_STDSTREAMS_H

#include <stdbool.h>

#include "core/frontend.h"
#include "core/run.h"
#include "limit.h"

struct stdstreams {
    struct frontend frontend; /* first, so that a pointer to the one is one to the other */
    bool has_record;          /* of the run, which says what became of it */
    bool terminal;
    bool input_ended;
    struct outcome outcome; /* set at the end */
    struct stream {
        size_t from, to; /* what of the buffer is to be passed on */
        bool closed;     /* nobody reads it any more */
        char at[LIMIT_HELD];
    } in, out[RUN_PIPES];
};

/* Prepares for one run. `s` keeps belonging to the caller, who passes &s->frontend to
 * front_run. */
void stdstreams_start(struct stdstreams *s, bool terminal);

/* Closes the descriptors, so that the sshd sees their end. */
void stdstreams_close(void);

#endif
