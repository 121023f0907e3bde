/* shutdown.h: how `bastion init` ends: connections without a command are ended first, commands have
 * LIMIT_STOP_MS to end by themselves, and whatever is left then gets SIGTERM, later SIGKILL. */
#ifndef INIT_SHUTDOWN_H
#define INIT_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum shutdown_phase {
    SHUTDOWN_NOT,
    SHUTDOWN_WAITS,
    SHUTDOWN_TERMINATES,
    SHUTDOWN_KILLS,
    SHUTDOWN_KILLS_ALL,
    SHUTDOWN_DONE
};

struct shutdown {
    enum shutdown_phase phase;
    int64_t deadline;  /* of this phase */
    int64_t next_look; /* at the processes: not before */
    int64_t idle;      /* when connections without a command begin to be ended */
};

/* Begins it. The caller accepts nobody any more. */
void shutdown_begin(struct shutdown *s, int64_t now);

/* Ends the wait for commands now. */
void shutdown_hurry(struct shutdown *s, int64_t now);

/* Takes the next step where it is due: to be called whenever something has happened, and at
 * shutdown_deadline at the latest. The process `spare` is left alone: it prints the lines of
 * /dev/log to the last. */
void shutdown_tick(struct shutdown *s, pid_t spare, int64_t now);
int64_t shutdown_deadline(const struct shutdown *s, int64_t now);

#endif
