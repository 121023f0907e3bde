/* shutdown.h: the end: first whatever has nothing to do, then, after a while, all the others. */
#ifndef INIT_SHUTDOWN_H
#define INIT_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stop {
    enum { STOP_NOT, STOP_WAITS, STOP_TERMINATES, STOP_KILLS, STOP_KILLS_ALL, STOP_DONE } phase;
    int64_t deadline; /* of this phase */
    int64_t idle;     /* from then on, connections with no command are ended */
};

/* Nobody is accepted any more. What runs has LIMIT_STOP_MS. */
void stop_begin(struct stop *s, int64_t now);

/* Does not wait for anybody. */
void stop_hurry(struct stop *s, int64_t now);

/* To be called whenever something happened, and at stop_deadline at the latest. `spare` is the process that prints lines of
 * /dev/log, to the last. */
void stop_tick(struct stop *s, pid_t spare, int64_t now);
int64_t stop_deadline(const struct stop *s, int64_t now);

#endif
