/* session_lock.c: a session's way to the lock: who waits, who is told what, who shares a run. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "core/session_parts.h"
#include "wire/sha256.h"

/* One request that wants the lock. */
struct claim {
    struct session *s;
    const struct request *rq;
    const struct audit *audit;
    struct front_link *front;
    struct outcome *o;
    char command[LOCK_NAME];
    int64_t deadline; /* once it waits */
    bool waits;       /* the log knows it, and whoever may ask for the run */
};

/* A name for the command that a run is of, so that two services with one RUN_DIR see whether it is
 * the same: of the forced command, or of the prefix and the rule. It tells nobody what these
 * are. */
static void name_command(char out[LOCK_NAME], const struct session *s, const struct decision *d) {
    unsigned char digest[SHA256_SIZE];
    const char *prefix = s->policy.prefix != NULL ? s->policy.prefix : "";
    const char *text = s->policy.mode == POLICY_FORCE ? s->policy.command : prefix;
    sha256_pair(digest, (struct slice){d->rule, strlen(d->rule) + 1},
                (struct slice){text, strlen(text)});
    num_put_hex(out, digest, (LOCK_NAME - 1) / 2);
}

/* Who holds the lock, for the client (o->busy) and for the log (o->reason), which alone may know of
 * processes, and has the run's user in the line of its start. The client has shown a credential of
 * this service: whose run is in its way is what it has to know to ask that person. */
static void tell_holder(struct session *s, struct outcome *o, const char *command) {
    struct lock_holder h;
    char since[32] = "", process[64] = "";
    time_t at;
    lock_look(&s->lock, &h);
    at = (time_t)h.since;
    bool known = h.run[0] != '\0', other = known && strcmp(h.command, command) != 0;
    strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", gmtime(&at));
    if (h.pid != 0)
        snprintf(process, sizeof process, " (process %ld, %s)", (long)h.pid, h.name);
    if (!known) {
        snprintf(s->busy, sizeof s->busy, "A run is under way already");
        snprintf(s->error, sizeof s->error, "another run holds the lock%s", process);
    } else if (h.ended) {
        snprintf(s->busy, sizeof s->busy, "What run %s by %s of %s left behind is still at work",
                 h.run, h.user, since);
        snprintf(s->error, sizeof s->error,
                 "run %s, since %s%s, has ended, but what it left behind holds the lock%s", h.run,
                 since, other ? ", of another command in this RUN_DIR" : "", process);
    } else {
        snprintf(s->busy, sizeof s->busy, "A run%s by %s is under way already (%s, since %s)",
                 other ? " of another command" : "", h.user, h.run, since);
        snprintf(s->error, sizeof s->error, "run %s, since %s%s, holds the lock", h.run, since,
                 other ? ", of another command in this RUN_DIR" : "");
    }
    o->busy = s->busy;
    o->reason = s->error;
}

static void note_wait(const struct audit *about, const char *reason) {
    struct audit a = *about;
    a.event = "wait";
    a.reason = reason;
    audit_write(&a);
}

/* ---- its record ---- */

/* Lists it, with `more` than RUNS_KEEP says. Returns 1 where that many are under way already. */
static int list_record(struct session *s, uint64_t more) {
    struct record *r = s->record;
    if (r == NULL || r->is_listed || r->name[0] == '\0')
        return 0;
    return record_list(r, settings_number(s->settings, SETTING_RUNS_KEEP) + more);
}

bool session_list_record(struct session *s, struct outcome *o) {
    if (list_record(s, 0) != 1)
        return true;
    *o = (struct outcome){.kind = OUTCOME_FULL,
                          .reason = "as many runs as RUNS_KEEP says are under way"};
    return false;
}

void session_announce(struct session *s, struct front_link *front, const char *run_id) {
    struct message m = {.type = MESSAGE_STARTED};
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", run_id);
    if (!s->is_announced)
        front_link_send(front, &m, NULL, 0, NULL, 0);
    s->is_announced = true;
}

/* ---- waiting ---- */

static bool fail(struct claim *c) {
    struct session *s = c->s;
    snprintf(s->error, sizeof s->error, "RUN_DIR: no lock in %s: %s",
             settings_text(s->settings, SETTING_RUN_DIR), strerror(errno));
    *c->o = (struct outcome){.kind = OUTCOME_ERROR, .reason = s->error};
    return false;
}

/* Whether it is one whose client has gone already, or may go, with a name to ask by. */
static bool is_by_name(const struct claim *c) {
    return c->rq->is_hook || (c->rq->way & (MESSAGE_RUN_ASYNC | MESSAGE_RUN_KEPT)) != 0;
}

/* Lists the record of one that waits. Of those who share a run any number may come, and each that
 * waits is a process: as many are listed as are kept, and one more, who makes the next run. Those
 * behind them need not wait. False: it does not. */
static bool list_waiting(struct claim *c) {
    struct session *s = c->s;
    bool is_shared = s->shared.fd != -1;
    if (is_shared && !is_by_name(c))
        return true;
    if (is_shared && !s->shared.has_place && list_record(s, 0) == 1) {
        *c->o = (struct outcome){.kind = OUTCOME_KEPT,
                                 .reason = "as many as RUNS_KEEP says wait for the next run "
                                           "already, which is this one's too"};
        return false;
    }
    return list_record(s, is_shared) != 1 || session_list_record(s, c->o);
}

/* Tells that the request waits, and why. False where it does not. */
static bool begin_waiting(struct claim *c, const char *reason) {
    struct session *s = c->s;
    uint64_t seconds = settings_number(s->settings, SETTING_COMMAND_LOCK_WAIT);
    if (c->waits)
        return true;
    if (!list_waiting(c))
        return false;
    if (s->is_keeper && (s->shared.fd == -1 || is_by_name(c)))
        session_announce(s, c->front, c->audit->run);
    note_wait(c->audit, reason);
    c->deadline = seconds == 0 ? CLOCK_NEVER : clock_after(clock_now(), (int64_t)seconds * 1000);
    c->waits = true;
    return true;
}

/* Waits until the child has ended. False when the request does not wait any longer: *o says why. */
static bool wait_for(struct claim *c, pid_t child) {
    struct session *s = c->s;
    /* A run that is another's too comes without its client. */
    bool others = s->shared.fd != -1 && !s->shared.has_place && !is_by_name(c);
    bool leave = others || (!s->is_keeper && !c->rq->is_hook && policy_hangs_up(s->settings, true));
    if (child == -1)
        return fail(c);
    switch (await_lock(c->front, s->record, child, c->deadline, leave)) {
    case AWAIT_DONE: return true;
    case AWAIT_FAILED: errno = ENOLCK; return fail(c);
    case AWAIT_NO_MORE: break;
    }
    *c->o = (struct outcome){.kind = OUTCOME_BUSY};
    tell_holder(s, c->o, c->command);
    if (s->record != NULL && s->record->is_killed)
        *c->o = (struct outcome){.kind = OUTCOME_ENDED,
                                 .code = 143,
                                 .signal = SIGTERM,
                                 .reason = "it was ended while it waited for the lock"};
    if (c->front->fd == -1 && leave)
        *c->o = (struct outcome){.kind = OUTCOME_GONE,
                                 .reason = "the client went away while it waited for the lock"};
    return false;
}

static bool has_lock(struct claim *c) {
    lock_record(&c->s->lock, c->audit->run, c->command, c->rq->user);
    return true;
}

/* COMMAND_LOCK=skip, refuse, wait. */
static bool take_alone(struct claim *c, int way) {
    struct session *s = c->s;
    for (;;) {
        int got = lock_take(&s->lock);
        if (got == -1)
            return fail(c);
        if (got == 1)
            return has_lock(c);
        if (!c->waits) {
            lock_want(&s->lock);
            *c->o =
                (struct outcome){.kind = way == LOCK_MODE_SKIP ? OUTCOME_SKIPPED : OUTCOME_BUSY};
            tell_holder(s, c->o, c->command);
        }
        if (way != LOCK_MODE_WAIT || !begin_waiting(c, c->o->reason)
            || !wait_for(c, lock_queue(&s->lock)))
            return false;
    }
}

/* ---- runs that are shared ---- */

static void add_to_kind(unsigned char kind[SHA256_SIZE], const char *text, size_t n) {
    unsigned char part[SHA256_SIZE];
    sha256(part, text, n);
    sha256_pair(kind, (struct slice){(const char *)kind, SHA256_SIZE},
                (struct slice){(const char *)part, SHA256_SIZE});
}

/* What a request's run would be, but for whose it is: its command, what is asked for, and the
 * values of a delivery. One that reads what its client has sent is like no other. */
static void name_kind(unsigned char kind[SHA256_SIZE], const struct claim *c) {
    const struct request *rq = c->rq;
    sha256(kind, c->command, strlen(c->command));
    if (c->audit->is_request)
        add_to_kind(kind, rq->requested.at, rq->requested.n);
    for (char *const *v = rq->variables; rq->is_hook && v != NULL && *v != NULL; v++)
        add_to_kind(kind, *v, strlen(*v));
    if (rq->input != -1)
        add_to_kind(kind, rq->run, strlen(rq->run));
}

static bool share(struct claim *c, const char *run) {
    struct session *s = c->s;
    shared_run_leave(&s->shared, false);
    lock_leave(&s->lock);
    snprintf(s->shares, sizeof s->shares, "%.16s", run);
    return false;
}

/* Gives the last run of this kind, and what its record says. */
static bool look_at_last(const struct claim *c, char run[SHARED_RUN_NAME],
                         enum record_state *state) {
    const struct session *s = c->s;
    struct record_reader r;
    struct record_about about;
    if (!shared_run_last(&s->shared, run)
        || !record_open(&r, s->lock.directory, s->settings->role, run))
        return false;
    record_look(&r, &about);
    record_close(&r);
    *state = (enum record_state)about.state;
    return true;
}

/* Whether a run of this kind is under way; with `is_held`, that somebody holds the lock, also one
 * that has ended where what it has left behind holds it: as for others, that counts as under way.
 */
static bool may_join(const struct claim *c, char run[SHARED_RUN_NAME], bool is_held) {
    struct lock_holder h;
    enum record_state state;
    if (!look_at_last(c, run, &state))
        return false;
    if (state == RECORD_RUNNING || !is_held)
        return state == RECORD_RUNNING;
    lock_look(&c->s->lock, &h);
    return state != RECORD_LOST && strcmp(h.run, run) == 0;
}

/* COMMAND_LOCK=rerun, join. */
static bool take_shared(struct claim *c, int way) {
    struct session *s = c->s;
    unsigned char kind[SHA256_SIZE];
    char run[SHARED_RUN_NAME];
    name_kind(kind, c);
    if (s->lock.directory == -1) {
        errno = s->lock.error;
        return fail(c);
    }
    if (shared_run_open(&s->shared, s->lock.directory, s->settings->role, kind,
                        way == LOCK_MODE_JOIN)
        == -1)
        return fail(c);
    for (;;) {
        int got;
        switch (shared_run_take(&s->shared, run)) {
        case SHARED_RUN_COVERED: return share(c, run);
        case SHARED_RUN_ERROR: return fail(c);
        case SHARED_RUN_OTHERS:
            if (way == LOCK_MODE_JOIN && may_join(c, run, false))
                return share(c, run);
            if (!begin_waiting(c, "the next run is another request's too, which waits for it")
                || !wait_for(c, shared_run_queue(&s->shared)))
                return false;
            break;
        case SHARED_RUN_MINE:
            got = lock_take(&s->lock);
            if (got == -1)
                return fail(c);
            if (got == 1) {
                shared_run_begin(&s->shared, c->audit->run);
                return has_lock(c);
            }
            if (way == LOCK_MODE_JOIN && may_join(c, run, true))
                return share(c, run);
            *c->o = (struct outcome){.kind = OUTCOME_BUSY};
            if (!c->waits)
                tell_holder(s, c->o, c->command);
            if (!begin_waiting(c, c->o->reason) || !wait_for(c, lock_queue(&s->lock)))
                return false;
        }
    }
}

int session_lock_mode(const struct session *s, const struct request *rq, bool has_record) {
    /* two people may have a shell */
    int way = rq->form == RUN_TERMINAL ? LOCK_MODE_OFF : policy_lock(&s->policy, s->settings);
    bool is_shared = way == LOCK_MODE_RERUN || way == LOCK_MODE_JOIN;
    return is_shared && (!has_record || rq->form == RUN_MERGED_INPUT) ? LOCK_MODE_WAIT : way;
}

bool session_take_lock(struct session *s, const struct request *rq, const struct decision *d,
                       const struct audit *a, struct front_link *front, struct outcome *o) {
    struct claim c = {
        .s = s, .rq = rq, .audit = a, .front = front, .o = o, .deadline = CLOCK_NEVER};
    int way = session_lock_mode(s, rq, s->record != NULL);
    if (way == LOCK_MODE_OFF) {
        lock_leave(&s->lock);
        return true;
    }
    name_command(c.command, s, d);
    return way == LOCK_MODE_RERUN || way == LOCK_MODE_JOIN ? take_shared(&c, way)
                                                           : take_alone(&c, way);
}
