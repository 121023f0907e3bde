/* session_kept.c: a request whose run is kept for others (bastion(8), RUNS): its record, and the
 * process that keeps it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/audit.h"
#include "core/follow.h"
#include "core/keeper.h"
#include "core/protect.h"
#include "core/run.h"
#include "core/session.h"
#include "core/session_parts.h"

/* Waits for what the keeper says first. False where the front is gone before that. */
static bool wait_for_keeper(struct front_link *front, struct front_link *keeper,
                            enum receipt *got) {
    while ((*got = message_receive(keeper->fd, &keeper->in)) == RECEIPT_NONE)
        if (!front_link_wait(front, keeper->fd, POLLIN))
            return false;
    return true;
}

/* The first that the keeper has said is that it has the run, or that nothing runs. */
static void pass_on(const struct request *rq, struct front_link *front, struct record_reader *own,
                    struct front_link *keeper) {
    struct received *in = &keeper->in;
    bool whole = (rq->way & MESSAGE_RUN_WHOLE) != 0;
    enum receipt got;
    if (!wait_for_keeper(front, keeper, &got))
        return;
    bool started = got == RECEIPT_MESSAGE && in->m.type == MESSAGE_STARTED;
    if (started && (rq->way & MESSAGE_RUN_ASYNC) != 0) {
        struct record_about about;
        struct message m = {.type = MESSAGE_ENDED};
        record_open_shared(own);
        record_look(own, &about);
        follow_tell_state(&about, front);
        m.outcome.kind = OUTCOME_KEPT;
        snprintf(m.outcome.run, sizeof m.outcome.run, "%s", about.run);
        front_link_send(front, &m, NULL, 0, NULL, 0);
    } else if (started || whole) {
        follow_pass_on(own, whole ? FOLLOW_AFTER_END : FOLLOW_TO_END, front);
    } else if (got == RECEIPT_MESSAGE) {
        front_link_send(front, &in->m, in->text, in->text_n, NULL, 0);
    } else {
        session_tell(front, &(struct outcome){.kind = OUTCOME_ERROR}, rq->run);
    }
}

/* Serves it by a keeper, in whose process this does not return. False where there can be none. */
static bool serve_by_keeper(struct session *s, const struct request *rq, struct front_link *front,
                            struct record_reader *own) {
    static struct front_link link; /* large */
    link.fd = -1;
    switch (keeper_fork(s->record, front, &link)) {
    case KEEPER_NONE: return false;
    case KEEPER_SELF:
        s->is_keeper = true;
        record_close(own);
        session_serve_here(s, rq, &link);
        _exit(0);
    case KEEPER_MONITOR: break;
    }
    lock_leave(&s->lock); /* the open file is the keeper's, and so is the lock on it */
    if (run_watch_signals())
        pass_on(rq, front, own, &link);
    front_link_close(&link);
    return true;
}

/* Whether the run may be shared: it is nobody's more than the others'. */
static bool is_shared(const struct session *s, const struct request *rq) {
    int way = s->unusable == NULL ? session_lock_mode(s, rq, true) : LOCK_MODE_OFF;
    return way == LOCK_MODE_RERUN || way == LOCK_MODE_JOIN;
}

static bool is_kept(const struct session *s, const struct request *rq) {
    return is_shared(s, rq) || rq->is_hook
           || (rq->way & (MESSAGE_RUN_ASYNC | MESSAGE_RUN_KEPT)) != 0;
}

/* Makes the record of a request that wants one. */
static bool make_record(struct session *s, const struct request *rq, struct record_reader *own) {
    static struct record record; /* large */
    const struct settings *set = s->settings;
    bool kept = is_kept(s, rq);
    if ((!kept && rq->way == 0) || s->unusable != NULL
        || (kept && settings_number(set, SETTING_RUNS_KEEP) == 0))
        return false;
    const char *run_dir = settings_text(set, SETTING_RUN_DIR);
    /* What a command could write is no record. */
    if (protect_refuses(run_dir, PROTECT_KEY, s->error) != NULL) {
        audit_error(rq->channel, rq->peer, s->error);
        return false;
    }
    int made = s->lock.directory == -1
                   ? -1
                   : record_create(&record, s->lock.directory, set->role, rq->run, rq->channel,
                                   rq->user, settings_number(set, SETTING_RUN_OUTPUT_MAX));
    if (made == 0 && record_open_own(own, &record, s->lock.directory, set->role)) {
        s->record = &record;
        if (!kept)
            record_hide(&record);
        return true;
    }
    int error = s->lock.directory == -1 ? s->lock.error : errno;
    if (made == 0) { /* it has one that can't be read */
        record_hide(&record);
        record_leave(&record);
    }
    snprintf(s->error, sizeof s->error, "RUN_DIR: no record of run %s in %s: %s", rq->run, run_dir,
             strerror(error));
    audit_error(rq->channel, rq->peer, s->error);
    return false;
}

bool session_serve(struct session *s, const struct request *rq, struct front_link *front) {
    struct record_reader own;
    struct request other = *rq;
    bool kept = is_kept(s, rq);
    s->record = NULL;
    if (!make_record(s, rq, &own)) {
        other.way = 0; /* it is served as any other is */
        session_serve_here(s, &other, front);
    } else {
        if (is_shared(s, rq)) /* all see the same */
            other.form = RUN_MERGED;
        if (!kept || !serve_by_keeper(s, &other, front, &own)) {
            if (kept)
                record_hide(s->record);
            other.way = MESSAGE_RUN_WHOLE;
            session_serve_here(s, &other, front);
            follow_pass_on(&own, FOLLOW_AFTER_END, front);
        }
        record_close(&own);
    }
    return run_told() == 0;
}
