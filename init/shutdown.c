#include "shutdown.h"

#include <signal.h>
#include <stddef.h>

#include "base/clock.h"
#include "connection.h"
#include "limit.h"
#include "processes.h"

void shutdown_begin(struct shutdown *s, int64_t now) {
    if (s->phase == SHUTDOWN_NOT)
        *s = (struct shutdown){SHUTDOWN_WAITS, clock_after(now, LIMIT_STOP_MS),
                               clock_after(now, LIMIT_STOP_LOOK_MS)};
}

void shutdown_hurry(struct shutdown *s, int64_t now) {
    if (s->phase == SHUTDOWN_WAITS)
        s->deadline = now;
}

/* A connection without a command, whose client is silent or at its login, is not worth a wait.
 * (It is not ended at once, since a command may be about to start.) */
static void end_idle(void) {
    size_t count;
    const struct connection *c = connection_all(&count);
    for (size_t i = 0; i < count; i++)
        if (!processes_is_busy(c[i].pid))
            kill(-c[i].pid, SIGTERM);
}

static bool all_have_ended(pid_t spare) {
    size_t count;
    connection_all(&count);
    return count == 0 && processes_is_alone(spare);
}

void shutdown_tick(struct shutdown *s, pid_t spare, int64_t now) {
    if (s->phase == SHUTDOWN_NOT || s->phase == SHUTDOWN_DONE)
        return;
    bool seen = processes_look();
    if (all_have_ended(spare)) {
        s->phase = SHUTDOWN_DONE;
    } else if (now < s->deadline) {
        if (s->phase == SHUTDOWN_WAITS && seen && now >= s->idle)
            end_idle();
    } else if (s->phase == SHUTDOWN_WAITS) {
        processes_signal(SIGTERM, spare);
        *s = (struct shutdown){SHUTDOWN_TERMINATES, clock_after(now, LIMIT_STOP_TERM_MS),
                               CLOCK_NEVER};
    } else if (s->phase == SHUTDOWN_TERMINATES) {
        /* Commands first: the processes that serve them write the last line of each run. */
        processes_signal_commands(SIGKILL, spare, connection_has);
        *s = (struct shutdown){SHUTDOWN_KILLS, clock_after(now, LIMIT_STOP_KILL_MS), CLOCK_NEVER};
    } else if (s->phase == SHUTDOWN_KILLS) {
        processes_signal(SIGKILL, spare);
        *s = (struct shutdown){SHUTDOWN_KILLS_ALL, clock_after(now, LIMIT_STOP_KILL_MS),
                               CLOCK_NEVER};
    } else {
        s->phase = SHUTDOWN_DONE;
    }
}

int64_t shutdown_deadline(const struct shutdown *s, int64_t now) {
    return s->phase == SHUTDOWN_NOT
               ? CLOCK_NEVER
               : clock_earlier(s->deadline, clock_after(now, LIMIT_STOP_LOOK_MS));
}
