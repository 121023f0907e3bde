/* shutdown.h: the end: first whatever has nothing to do, then, after a while, all the others. */
#ifndef INIT_SHUTDOWN_H
#define INIT_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct shutdown {
    enum {
        SHUTDOWN_NOT,
        SHUTDOWN_WAITS,
        SHUTDOWN_TERMINATES,
        SHUTDOWN_KILLS,
        SHUTDOWN_KILLS_ALL,
        SHUTDOWN_DONE
    } phase;
    int64_t deadline; /* of this phase */
    int64_t idle;     /* from then on, connections with no command are ended */
};

/* Nobody is accepted any more. What runs has LIMIT_STOP_MS. */
void shutdown_begin(struct shutdown *s, int64_t now);

/* Does not wait for anybody. */
void shutdown_hurry(struct shutdown *s, int64_t now);

/* To be called whenever something happened, and at shutdown_deadline at the latest. `spare` is the
 * process that prints lines of /dev/log, to the last. */
void shutdown_tick(struct shutdown *s, pid_t spare, int64_t now);
int64_t shutdown_deadline(const struct shutdown *s, int64_t now);

#endif
