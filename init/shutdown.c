#include "shutdown.h"

#include <signal.h>
#include <stddef.h>

#include "base/clock.h"
#include "connection.h"
#include "limit.h"
#include "processes.h"

static void enter(struct shutdown *s, enum shutdown_phase phase, int64_t now, int64_t ms) {
    s->phase = phase;
    s->deadline = clock_after(now, ms);
}

void shutdown_begin(struct shutdown *s, int64_t now) {
    if (s->phase != SHUTDOWN_NOT)
        return;
    enter(s, SHUTDOWN_WAITS, now, LIMIT_STOP_MS);
    s->next_look = now;
    s->idle = clock_after(now, LIMIT_STOP_LOOK_MS);
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
        if (c[i].state != CONNECTION_LEFT && !processes_is_busy(c[i].pid))
            kill(-c[i].pid, SIGTERM);
}

static bool all_have_ended(pid_t spare) {
    size_t count;
    connection_all(&count);
    return count == 0 && processes_is_alone(spare);
}

/* Looks at the processes, unless that would leave no time for anything else: of thousands a look
 * takes a while, and each that ends is a reason for one. So as long as one took passes without. */
static bool look_if_due(struct shutdown *s, int64_t now) {
    if (now < s->next_look)
        return false;
    bool seen = processes_look();
    int64_t end = clock_now();
    s->next_look = clock_after(end, end - now);
    return seen;
}

void shutdown_tick(struct shutdown *s, pid_t spare, int64_t now) {
    if (s->phase == SHUTDOWN_NOT || s->phase == SHUTDOWN_DONE)
        return;
    bool seen = look_if_due(s, now);
    if (all_have_ended(spare)) {
        s->phase = SHUTDOWN_DONE;
    } else if (now < s->deadline) {
        if (s->phase == SHUTDOWN_WAITS && seen && now >= s->idle)
            end_idle();
    } else if (s->phase == SHUTDOWN_WAITS) {
        processes_signal(SIGTERM, spare);
        enter(s, SHUTDOWN_TERMINATES, now, LIMIT_STOP_TERM_MS);
    } else if (s->phase == SHUTDOWN_TERMINATES) {
        /* Commands first: the processes that serve them write the last line of each run. */
        processes_signal_commands(SIGKILL, spare, connection_has);
        enter(s, SHUTDOWN_KILLS, now, LIMIT_STOP_KILL_MS);
    } else if (s->phase == SHUTDOWN_KILLS) {
        processes_signal(SIGKILL, spare);
        enter(s, SHUTDOWN_KILLS_ALL, now, LIMIT_STOP_KILL_MS);
    } else {
        s->phase = SHUTDOWN_DONE;
    }
}

int64_t shutdown_deadline(const struct shutdown *s, int64_t now) {
    return s->phase == SHUTDOWN_NOT
               ? CLOCK_NEVER
               : clock_earlier(s->deadline, clock_after(now, LIMIT_STOP_LOOK_MS));
}
