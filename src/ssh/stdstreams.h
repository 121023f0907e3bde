/* stdstreams.h: a run's events on this process's own descriptors 0, 1 and 2, as an sshd gives them
 * to a session: pipes for input, output and errors, between which and the command bytes are passed;
 * or a terminal, which the command has as its own. */
#ifndef SSH_STDSTREAMS_H
#define SSH_STDSTREAMS_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/frontend.h"
#include "core/run.h"
#include "limit.h"

struct stdstreams {
    struct frontend frontend; /* first, so that a pointer to the one is one to the other */
    pid_t parent;             /* the sshd: when it is gone, so is the client */
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
 * session_serve. `parent` is getppid(2) as it was at the start. */
void stdstreams_start(struct stdstreams *s, pid_t parent, bool terminal);

/* Closes the descriptors, so that the sshd sees their end. */
void stdstreams_close(struct stdstreams *s);

#endif
