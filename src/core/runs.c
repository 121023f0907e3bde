#include "core/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/audit.h"
#include "core/follow.h"

static void note(const struct session *s, const struct request *rq, const char *event,
                 const char *run) {
    struct audit a = AUDIT_EMPTY;
    a.event = event;
    a.run = run;
    a.channel = rq->channel;
    a.role = s->settings->role;
    a.user = rq->user;
    a.peer = rq->peer;
    audit_write(&a);
}

static void note_unknown(const struct session *s, const struct request *rq, const char *run) {
    struct audit a = audit_denial(rq->channel, rq->peer, "the role has no run of this name");
    a.run = run;
    a.role = s->settings->role;
    a.user = rq->user;
    a.status = 404;
    audit_write(&a);
}

static void tell(struct front_link *front, enum message_type type, enum outcome_kind kind,
                 const int *fd) {
    struct message m = {.type = type};
    m.outcome.kind = (uint8_t)kind;
    m.outcome.is_last = run_told() != 0;
    front_link_send(front, &m, NULL, 0, fd, fd != NULL);
}

/* Writes all of it, as the front takes it. False when that is gone. */
static bool put(int out, const void *bytes, size_t n, struct front_link *front) {
    for (size_t done = 0; done < n;) {
        ssize_t w = write(out, (const char *)bytes + done, n - done);
        if (w == -1 && errno != EAGAIN && errno != EINTR)
            return false;
        done += w > 0 ? (size_t)w : 0;
        if (w <= 0 && !front_link_wait(front, out, POLLOUT))
            return false;
    }
    return true;
}

static void put_all(struct session *s, int out, struct front_link *front) {
    const char(*names)[MESSAGE_RUN_ID];
    size_t n = record_all(&names, s->lock.directory, s->settings->role);
    for (size_t i = 0; i < n; i++) {
        struct record_reader r;
        struct record_about about;
        if (!record_open(&r, s->lock.directory, s->settings->role, names[i]))
            continue; /* it has gone meanwhile */
        record_look(&r, &about);
        record_close(&r);
        if (!put(out, &about, sizeof about, front))
            return;
    }
}

/* Of a role whose settings are no good nothing is shown. */
static bool is_usable(const struct session *s) { return s->unusable == NULL && s->opened; }

bool runs_list(struct session *s, const struct request *rq, struct front_link *front) {
    int ends[2] = {-1, -1};
    note(s, rq, "list", NULL);
    if (!is_usable(s) || !run_watch_signals() || pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1) {
        tell(front, MESSAGE_REFUSED, OUTCOME_ERROR, NULL);
    } else {
        tell(front, MESSAGE_STARTED, OUTCOME_ENDED, &ends[0]);
        fd_close(&ends[0]);
        front->counted = false;
        if (s->lock.directory != -1)
            put_all(s, ends[1], front);
        fd_close(&ends[1]);
        tell(front, MESSAGE_ENDED, OUTCOME_ENDED, NULL);
    }
    return run_told() == 0;
}

/* Serves one that is there. */
static void serve(struct session *s, const struct request *rq, int what, struct record_reader *r,
                  struct front_link *front) {
    const char *role = s->settings->role;
    struct record_about about;
    record_open_shared(r);
    record_look(r, &about);
    bool goes_on = about.state == RECORD_WAITING || about.state == RECORD_RUNNING;
    note(s, rq, what == MESSAGE_FOLLOW_KILL ? "kill" : "follow", about.run);
    if (what == MESSAGE_FOLLOW_KILL && goes_on)
        record_kill(r, s->lock.directory, role, rq->user);
    if (what == MESSAGE_FOLLOW_KILL || what == MESSAGE_FOLLOW_STATE) {
        follow_tell_state(&about, front);
        return;
    }
    if (what == MESSAGE_FOLLOW_OUTPUT && goes_on)
        record_follow(r, s->lock.directory, role);
    follow_pass_on(r, what == MESSAGE_FOLLOW_NOW ? FOLLOW_TO_NOW : FOLLOW_TO_END, front);
}

bool runs_follow(struct session *s, const struct request *rq, int what, const char *name,
                 struct front_link *front) {
    struct record_reader r;
    if (!is_usable(s) || !run_watch_signals()) {
        tell(front, MESSAGE_REFUSED, OUTCOME_ERROR, NULL);
    } else if (s->lock.directory == -1
               || !record_open(&r, s->lock.directory, s->settings->role, name)) {
        note_unknown(s, rq, name);
        tell(front, MESSAGE_REFUSED, OUTCOME_UNKNOWN, NULL);
    } else {
        serve(s, rq, what, &r, front);
        record_close(&r);
    }
    return run_told() == 0;
}
