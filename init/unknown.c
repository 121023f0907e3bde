#include "unknown.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "limit.h"
#include "links.h"
#include "penalty.h"
#include "processes.h"
#include "refusal.h"

static int64_t next = CLOCK_NEVER; /* the earliest deadline of all, or an earlier time */
static int64_t next_look;          /* at the processes: not before */

static void set_deadline(struct connection *c, int64_t at) {
    c->deadline = at;
    next = clock_earlier(next, at);
}

int64_t unknown_begin(const struct listener *l, int64_t now) {
    int64_t deadline = clock_after(now, l->unknown_ms);
    next = clock_earlier(next, deadline);
    return deadline;
}

void unknown_restart(struct connection *c, const struct listener *l, int64_t now) {
    c->deadline = unknown_begin(l, now);
}

void unknown_was_refused(struct connection *c, const struct listener *l) {
    if (!c->was_refused && c->state == CONNECTION_UNKNOWN)
        c->deadline = clock_after(c->deadline, l->refused_ms);
    c->was_refused = true;
}

void unknown_end(struct connection *c, struct listener *l, const char *reason, int64_t now) {
    char peer[LIMIT_PEER];
    source_print(peer, &c->source);
    c->state = CONNECTION_ENDING;
    set_deadline(c, now);
    refusal_note(l, peer, reason, now);
}

/* What it has said last counts, though nobody has read it yet. */
static void end_overdue(struct connection *c, struct listener *l, int links, int64_t now) {
    char reason[96];
    links_read(links, c, l, now);
    if (c->state != CONNECTION_UNKNOWN || now < c->deadline)
        return;
    snprintf(reason, sizeof reason, "no right credential within %lld s: the connection is ended",
             (long long)(c->deadline - c->since) / 1000);
    penalty_charge(&c->source, LIMIT_PENALTY_OVERDUE_MS, now);
    unknown_end(c, l, reason, now);
}

static bool is_due(const struct connection *c, enum connection_state state, int64_t now) {
    return c->state == state && now >= c->deadline;
}

/* Whether a connection is to be killed now. */
static int64_t kill_time;
static bool is_to_be_killed(pid_t first) {
    const struct connection *c = connection_find(first);
    return c != NULL && is_due(c, CONNECTION_ENDING, kill_time);
}

/* Their processes may have left the process group. To look for them takes a while where there are
 * thousands, so that as long as one look took passes without another. */
static void kill_trees(int64_t now) {
    size_t count;
    struct connection *c = connection_all(&count);
    processes_look();
    kill_time = now;
    processes_signal_branches(SIGKILL, is_to_be_killed);
    for (; count > 0; c++, count--)
        if (is_due(c, CONNECTION_ENDING, now)) {
            kill(-c->pid, SIGKILL);
            set_deadline(c, clock_after(now, LIMIT_UNKNOWN_KILL_MS));
        }
    int64_t end = clock_now();
    next_look =
        clock_after(end, end - now > LIMIT_UNKNOWN_LOOK_MS ? end - now : LIMIT_UNKNOWN_LOOK_MS);
}

void unknown_tick(struct listener *listeners, int links, int64_t now) {
    size_t count;
    struct connection *all = connection_all(&count);
    bool kills = false;
    if (now < unknown_deadline())
        return;
    next = CLOCK_NEVER;
    for (struct connection *c = all; c < all + count; c++) {
        if (is_due(c, CONNECTION_UNKNOWN, now))
            end_overdue(c, &listeners[c->listener], links, now);
        kills = kills || is_due(c, CONNECTION_ENDING, now);
    }
    if (kills)
        kill_trees(now);
    for (const struct connection *c = all; c < all + count; c++)
        if (c->state == CONNECTION_UNKNOWN || c->state == CONNECTION_ENDING)
            next = clock_earlier(next, c->deadline);
}

int64_t unknown_deadline(void) {
    return next == CLOCK_NEVER || next >= next_look ? next : next_look;
}
