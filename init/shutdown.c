#include "shutdown.h"

#include <signal.h>
#include <stddef.h>

#include "base/clock.h"
#include "connection.h"
#include "limit.h"
#include "processes.h"

void stop_begin(struct stop *s, int64_t now) {
    if (s->phase == STOP_NOT)
        *s = (struct stop){STOP_WAITS, clock_after(now, LIMIT_STOP_MS), clock_after(now, LIMIT_STOP_LOOK_MS)};
}

void stop_hurry(struct stop *s, int64_t now) {
    if (s->phase == STOP_WAITS)
        s->deadline = now;
}

/* A connection with no command has nothing to wait for: a client that says nothing, or that is at its login. (Not at once: a
 * command may be about to start.) */
static void end_idle(void) {
    size_t count;
    const struct connection *c = connection_all(&count);
    for (size_t i = 0; i < count; i++)
        if (!tree_is_busy(c[i].pid))
            kill(-c[i].pid, SIGTERM);
}

static bool is_alone(pid_t spare) {
    size_t count;
    connection_all(&count);
    return count == 0 && tree_is_alone(spare);
}

void stop_tick(struct stop *s, pid_t spare, int64_t now) {
    if (s->phase == STOP_NOT || s->phase == STOP_DONE)
        return;
    bool seen = tree_look();
    if (is_alone(spare)) {
        s->phase = STOP_DONE;
    } else if (now < s->deadline) {
        if (s->phase == STOP_WAITS && seen && now >= s->idle)
            end_idle();
    } else if (s->phase == STOP_WAITS) {
        tree_signal(SIGTERM, spare);
        *s = (struct stop){STOP_TERMINATES, clock_after(now, LIMIT_STOP_TERM_MS), CLOCK_NEVER};
    } else if (s->phase == STOP_TERMINATES) {
        /* Commands first: those who serve them have the end of a run to record. */
        tree_signal_others(SIGKILL, spare, connection_has);
        *s = (struct stop){STOP_KILLS, clock_after(now, LIMIT_STOP_KILL_MS), CLOCK_NEVER};
    } else if (s->phase == STOP_KILLS) {
        tree_signal(SIGKILL, spare);
        *s = (struct stop){STOP_KILLS_ALL, clock_after(now, LIMIT_STOP_KILL_MS), CLOCK_NEVER};
    } else {
        s->phase = STOP_DONE;
    }
}

int64_t stop_deadline(const struct stop *s, int64_t now) {
    return s->phase == STOP_NOT ? CLOCK_NEVER : clock_earlier(s->deadline, clock_after(now, LIMIT_STOP_LOOK_MS));
}
