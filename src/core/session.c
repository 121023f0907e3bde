#include "core/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/landlock_apart.h"
#include "base/num.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "core/follow.h"
#include "core/keeper.h"
#include "core/protect.h"
#include "core/run.h"
#include "core/runas.h"
#include "wire/sha256.h"

/* ---- the command's environment ---- */

bool session_passes(const char *name, size_t n) {
    static const char *const ours[] = {"HOME", "USER", "LOGNAME", "PWD", "OLDPWD"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (n == strlen(ours[i]) && memcmp(name, ours[i], n) == 0)
            return false;
    return !(n >= 8 && memcmp(name, "BASTION_", 8) == 0) && !settings_owns(name, n)
           && !ucspi_owns(name, n);
}

static char *const *command_environment(const struct session *s, const struct request *rq,
                                        const char *run) {
    static struct env e; /* static, since it is large; the command gets it before the next one */
    env_start(&e);
    env_copy(&e, s->environment, session_passes);
    if (env_get(s->environment, "PATH") == NULL)
        env_set(&e, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    env_set(&e, "HOME", s->account.home);
    env_set(&e, "USER", s->account.name);
    env_set(&e, "LOGNAME", s->account.name);
    env_set(&e, "BASTION_RUN", run);
    env_set(&e, "BASTION_CHANNEL", rq->channel);
    env_set(&e, "BASTION_USER", rq->user);
    env_set(&e, "BASTION_PEER", rq->peer);
    if (s->settings->role != NULL)
        env_set(&e, "BASTION_ROLE", s->settings->role);
    for (char *const *more = rq->variables; more != NULL && *more != NULL; more++)
        env_replace(&e, *more);
    return env_list(&e);
}

/* ---- one request ---- */

static struct audit audit_request(const struct session *s, const struct request *rq,
                                  const char *run, const struct decision *d) {
    struct audit a = AUDIT_EMPTY;
    a.run = run;
    a.channel = rq->channel;
    a.role = s->settings->role;
    a.user = rq->user;
    a.peer = rq->peer;
    a.delivery = rq->delivery;
    a.mode = policy_mode_name(&s->policy);
    a.rule = d->rule[0] != '\0' ? d->rule : NULL;
    a.text = d->text;
    a.is_request = s->policy.mode == POLICY_BROKER;
    a.text_n = d->text_n;
    return a;
}

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

/* Lists the record of a run that is to be kept. False where that many are under way already. One
 * that can't be listed goes on without. */
static bool list_record(struct session *s, struct outcome *o) {
    struct record *r = s->record;
    if (r == NULL || r->is_listed || r->name[0] == '\0')
        return true;
    if (record_list(r, settings_number(s->settings, SETTING_RUNS_KEEP)) != 1)
        return true;
    *o = (struct outcome){.kind = OUTCOME_FULL,
                          .reason = "as many runs as RUNS_KEEP says are under way"};
    return false;
}

/* Says to the monitor, once, that this process, its keeper, has the run. */
static void announce(struct session *s, struct front_link *front, const char *run_id) {
    struct message m = {.type = MESSAGE_STARTED};
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", run_id);
    if (!s->is_announced && front->fd != -1 && message_send(front->fd, &m, NULL, 0, NULL, 0) == -1)
        front_link_close(front);
    s->is_announced = true;
}

/* Takes the lock as COMMAND_LOCK says, waiting where it says so: true when it is taken or none is
 * wanted (then lock.fd is -1), else *o says why not. */
static bool take_lock(struct session *s, const struct request *rq, const struct decision *d,
                      const struct audit *a, struct front_link *front, struct outcome *o) {
    char command[LOCK_NAME];
    /* two people may have a shell */
    int way = rq->form == RUN_TERMINAL ? LOCK_MODE_OFF : policy_lock(&s->policy, s->settings);
    if (way == LOCK_MODE_OFF) {
        lock_leave(&s->lock);
        return true;
    }
    int got = lock_take(&s->lock);
    name_command(command, s, d);
    *o = (struct outcome){.kind = way == LOCK_MODE_SKIP ? OUTCOME_SKIPPED : OUTCOME_BUSY};
    if (got == 0) {
        lock_want(&s->lock);
        tell_holder(s, o, command);
    }
    if (got == 0 && way == LOCK_MODE_WAIT) {
        if (!list_record(s, o))
            return false;
        if (s->is_keeper)
            announce(s, front, a->run);
        note_wait(a, o->reason);
        uint64_t seconds = settings_number(s->settings, SETTING_COMMAND_LOCK_WAIT);
        int64_t deadline =
            seconds == 0 ? CLOCK_NEVER : clock_after(clock_now(), (int64_t)seconds * 1000);
        bool leave = !s->is_keeper && !rq->is_hook && policy_hangs_up(s->settings, true);
        pid_t child = lock_queue(&s->lock);
        got = child == -1 ? -1 : await_lock(front, s->record, child, deadline, leave);
        if (got == 0)
            tell_holder(s, o, command);
        if (got == 0 && s->record != NULL && s->record->is_killed)
            *o = (struct outcome){.kind = OUTCOME_ENDED,
                                  .code = 143,
                                  .signal = SIGTERM,
                                  .reason = "it was ended while it waited for the lock"};
        if (got == 0 && front->fd == -1 && leave)
            *o = (struct outcome){.kind = OUTCOME_GONE,
                                  .reason = "the client went away while it waited for the lock"};
    }
    if (got == -1) {
        snprintf(s->error, sizeof s->error, "RUN_DIR: no lock in %s: %s",
                 settings_text(s->settings, SETTING_RUN_DIR), strerror(errno));
        *o = (struct outcome){.kind = OUTCOME_ERROR, .reason = s->error};
    }
    if (got == 1)
        lock_record(&s->lock, a->run, command, rq->user);
    return got == 1;
}

/* A delivery that has run with success, or is running, is left out: the same push is not deployed
 * twice. One of a lock's waits counts as running. */
static bool take_delivery(struct session *s, const struct request *rq, struct outcome *o) {
    unsigned char name[SHA256_SIZE];
    const char *role = s->settings->role != NULL ? s->settings->role : "";
    if (rq->delivery == NULL)
        return true;
    sha256_pair(name, (struct slice){role, strlen(role) + 1},
                (struct slice){rq->delivery, strlen(rq->delivery)});
    *o = (struct outcome){.kind = OUTCOME_SKIPPED, .busy = s->busy, .reason = s->error};
    switch (deliveries_begin(&s->delivery, s->lock.directory, name)) {
    case DELIVERY_NEW: return true;
    case DELIVERY_RUNNING:
        snprintf(s->busy, sizeof s->busy, "This delivery is running already");
        snprintf(s->error, sizeof s->error, "the delivery is running");
        return false;
    case DELIVERY_DONE:
        snprintf(s->busy, sizeof s->busy, "This delivery has run with success before");
        snprintf(s->error, sizeof s->error, "the delivery has run with success");
        return false;
    case DELIVERY_ERROR: break;
    }
    *o = (struct outcome){.kind = OUTCOME_ERROR, .reason = s->error};
    snprintf(s->error, sizeof s->error, "RUN_DIR: deliveries can't be noted in %s: %s",
             settings_text(s->settings, SETTING_RUN_DIR),
             strerror(s->lock.directory == -1 ? s->lock.error : errno));
    return false;
}

static void close_rulesets(int rulesets[RUN_RULESETS]) {
    fd_close(&rulesets[RUN_PROTECTED]);
    landlock_release_apart(&rulesets[RUN_APART]);
}

/* Makes what closes things to the command. Returns 0, or -1 with s->error. */
static int make_rulesets(struct session *s, const struct request *rq, int rulesets[RUN_RULESETS]) {
    int terminal = rq->form == RUN_TERMINAL ? rq->terminal : -1;
    rulesets[RUN_PROTECTED] = rulesets[RUN_APART] = -1;
    if (protect_close(&rulesets[RUN_PROTECTED], &s->account, s->error) != -1
        && runas_keep_apart(&rulesets[RUN_APART], s->settings, terminal, s->error) != -1)
        return 0;
    close_rulesets(rulesets);
    return -1;
}

/* Whether it is one that was made for a session (pts(4)), and not /dev/tty or /dev/ptmx, which are
 * everybody's: a front that has been taken over may send these. */
static bool is_of_session(int terminal) {
    enum { FIRST = 136, LAST = 143 }; /* their major numbers (UNIX98_PTY_SLAVE_MAJOR) */
    struct stat st;
    return fstat(terminal, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) >= FIRST
           && major(st.st_rdev) <= LAST;
}

/* Makes the terminal, which belongs to SSH_USER, as whom the login shell runs, that of the account
 * of the command. */
static bool give_terminal(const struct session *s, const struct request *rq) {
    return rq->form != RUN_TERMINAL || geteuid() != 0
           || settings_text(s->settings, SETTING_RUN_AS) == NULL
           || (is_of_session(rq->terminal) && fchown(rq->terminal, s->account.uid, (gid_t)-1) == 0);
}

/* Records the run and starts it: true, or *o says why it is not running. A run that no log took
 * does not start. */
static bool start_run(struct session *s, const struct request *rq, const struct decision *d,
                      struct audit *a, struct outcome *o) {
    struct run_command command = {.argv = d->argv,
                                  .environment = command_environment(s, rq, a->run),
                                  .directory = s->account.home,
                                  .account = geteuid() == 0 ? &s->account : NULL,
                                  .lock = s->lock.fd,
                                  .no_new_privs = runas_no_new_privs(s->settings),
                                  .form = rq->form,
                                  .input = rq->input,
                                  .terminal = rq->terminal,
                                  .leads_terminal = rq->leads_terminal};
    *o = (struct outcome){.kind = OUTCOME_ERROR, .reason = s->error};
    if (command.environment == NULL)
        o->reason = "the environment is too large";
    if (command.environment == NULL || make_rulesets(s, rq, command.rulesets) == -1)
        return false;
    if (!give_terminal(s, rq)) {
        o->reason = "the terminal can't be given to the account of the role";
        close_rulesets(command.rulesets);
        return false;
    }
    a->event = "start";
    a->verdict = "allow";
    if (audit_write(a) == -1) {
        o->reason = "no log takes the line of this run";
        close_rulesets(command.rulesets);
        return false;
    }
    int failed = run_start(&s->run, &command);
    close_rulesets(command.rulesets);
    if (failed == 0)
        return true;
    if (s->run.open) {
        o->reason = "the configuration, or other runs, can't be closed to the command: Landlock "
                    "refuses";
        return false;
    }
    *o = (struct outcome){
        .kind = OUTCOME_FAILED, .code = failed == ENOENT ? 127 : 126, .reason = strerror(failed)};
    a->exit = o->code;
    return false;
}

/* Hands the pipes over to the front. The monitor keeps the ends to read from, so that the command
 * can go on writing when the front is gone. Where there is a record, nobody else reads them. */
static void hand_over(struct session *s, struct front_link *front, const char *run_id) {
    struct message m = {.type = MESSAGE_STARTED};
    if (s->record != NULL) {
        record_running(s->record);
        if (s->is_keeper)
            announce(s, front, run_id);
        return;
    }
    int fds[MESSAGE_FDS];
    size_t n = 0;
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", run_id);
    for (int i = 0; i < RUN_PIPES; i++)
        if (s->run.out[i] != -1)
            fds[n++] = s->run.out[i];
    if (s->run.in != -1)
        fds[n++] = s->run.in;
    if (front->fd != -1 && message_send(front->fd, &m, NULL, 0, fds, n) == -1)
        front_link_close(front);
    fd_close(&s->run.in);
}

/* Waits for the end of the run, which the log knows before the client does. The lock is its
 * children's alone from then on. */
static void follow_to_end(struct session *s, const struct request *rq, struct audit *a,
                          struct front_link *front, struct outcome *o) {
    struct run *run = &s->run;
    uint64_t seconds = settings_number(s->settings, SETTING_COMMAND_TIMEOUT);
    struct await await = {
        .front = front,
        .run = run,
        .lock = &s->lock,
        .record = s->record,
        .hangup = !s->is_keeper && !rq->is_hook
                  && (rq->form == RUN_TERMINAL || policy_hangs_up(s->settings, s->lock.fd != -1)),
        .deadline = seconds == 0 ? CLOCK_NEVER : clock_after(run->started, (int64_t)seconds * 1000),
    };
    int signal;
    hand_over(s, front, a->run);
    await_end(&await);
    int code = run_exit_code(run, &signal);
    lock_leave(&s->lock);
    *o = await.timed_out ? (struct outcome){.kind = OUTCOME_TIMEOUT, .code = 124}
         : await.was_killed
             ? (struct outcome){.kind = OUTCOME_ENDED, .code = 143, .signal = SIGTERM}
             : (struct outcome){.kind = OUTCOME_ENDED, .code = code, .signal = signal};
    a->event = "end";
    a->exit = signal == 0 ? code : -1;
    a->signal = signal != 0 ? signal : -1;
    if (await.was_killed)
        snprintf(s->error, sizeof s->error, "ended by %s", s->record->killer);
    a->reason = await.timed_out    ? "COMMAND_TIMEOUT"
                : await.was_killed ? s->error
                : await.was_slow
                    ? "the client took next to nothing for a minute while others wanted "
                      "the lock: it counts as gone"
                : await.was_gone && !s->is_keeper && !rq->is_hook ? "the client went away"
                                                                  : NULL;
    a->ms = clock_now() - run->started;
    a->bytes = rq->form == RUN_TERMINAL ? -1 : await.bytes;
    audit_write(a);
}

static void note_refusal(struct audit *a, const struct outcome *o) {
    static const char *const event[] = {
        [OUTCOME_FAILED] = "end",   [OUTCOME_FORBIDDEN] = "deny", [OUTCOME_DENIED] = "deny",
        [OUTCOME_SKIPPED] = "skip", [OUTCOME_BUSY] = "refuse",    [OUTCOME_FULL] = "refuse",
        [OUTCOME_ENDED] = "gone",   [OUTCOME_GONE] = "gone",      [OUTCOME_ERROR] = "fault"};
    a->event = event[o->kind];
    a->verdict = o->kind == OUTCOME_DENIED ? "deny" : a->verdict;
    a->exit = o->kind == OUTCOME_DENIED ? o->code : a->exit;
    a->reason = o->reason;
    audit_write(a);
}

static void note_rule_errors(const struct request *rq, const struct buf *errors) {
    struct slice rest = {errors->at, errors->len};
    while (rest.n > 0) {
        struct slice line = slice_take_line(&rest);
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)line.n, line.at);
        audit_error(rq->channel, rq->peer, text);
    }
}

/* The rules are read for every request, so that an edit counts at once. */
static void decide_anew(struct session *s, const struct request *rq, struct decision *d) {
    if (s->policy.mode == POLICY_BROKER)
        policy_read_rules(&s->policy);
    policy_decide(&s->policy, rq->requested, d);
    if (s->policy.mode != POLICY_BROKER)
        return;
    note_rule_errors(rq, &s->policy.rules.errors);
    note_rule_errors(rq, &d->verdict.errors);
}

/* Tells the front what became of the request. */
static void tell_front(struct front_link *front, const struct outcome *o, const char *run_id) {
    bool ran = o->kind == OUTCOME_ENDED || o->kind == OUTCOME_TIMEOUT;
    struct message m = {.type = ran ? MESSAGE_ENDED : MESSAGE_REFUSED};
    /* What the log knows of who holds the lock, or of an error of ours, is no client's business. */
    const char *text = o->busy != NULL                                          ? o->busy
                       : o->kind == OUTCOME_DENIED || o->kind == OUTCOME_FAILED ? o->reason
                                                                                : NULL;
    m.outcome.kind = (uint8_t)o->kind;
    m.outcome.is_last = run_told() != 0;
    m.outcome.code = o->code;
    m.outcome.signal = o->signal;
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", run_id);
    if (front->fd != -1
        && message_send(front->fd, &m, text, text != NULL ? strlen(text) : 0, NULL, 0) == -1)
        front_link_close(front);
}

/* Serves it in this process. */
static void serve(struct session *s, const struct request *rq, struct front_link *front) {
    struct decision *d = &s->decision;
    char run_id[SESSION_RUN_ID];
    snprintf(run_id, sizeof run_id, "%s", rq->run);
    s->delivery.fd = -1;
    decide_anew(s, rq, d);
    struct outcome o = {.kind = OUTCOME_DENIED, .code = 126, .reason = d->reason};
    if (s->unusable != NULL)
        o = (struct outcome){.kind = OUTCOME_ERROR, .reason = s->unusable};
    struct audit a = audit_request(s, rq, run_id, d);
    bool watches = run_watch_signals();
    if (!watches) {
        snprintf(s->error, sizeof s->error, "signals can't be waited for: %s", strerror(errno));
        o = (struct outcome){.kind = OUTCOME_ERROR, .reason = s->error};
    }
    if (watches && s->unusable == NULL && d->allow && take_delivery(s, rq, &o)
        && take_lock(s, rq, d, &a, front, &o) && list_record(s, &o)
        && start_run(s, rq, d, &a, &o)) {
        follow_to_end(s, rq, &a, front, &o);
    } else {
        lock_leave(&s->lock);
        note_refusal(&a, &o);
    }
    deliveries_end(&s->delivery, o.kind == OUTCOME_ENDED && o.code == 0);
    if (s->record != NULL) {
        o.requested = rq->requested.at;
        o.requested_n = rq->requested.n;
        record_end(s->record, &o, a.ms > 0 ? a.ms : 0);
    }
    if (s->is_keeper || (rq->way & MESSAGE_RUN_WHOLE) == 0)
        tell_front(front, &o, run_id);
}

/* ---- one that is kept ---- */

/* The first that the keeper has said is that it has the run, or that nothing runs. */
static void pass_on(const struct request *rq, struct front_link *front, struct record_reader *own,
                    struct front_link *keeper) {
    struct received *in = &keeper->in;
    bool whole = (rq->way & MESSAGE_RUN_WHOLE) != 0;
    enum receipt got = message_wait(keeper->fd, in, CLOCK_NEVER);
    bool started = got == RECEIPT_MESSAGE && in->m.type == MESSAGE_STARTED;
    if (started && (rq->way & MESSAGE_RUN_ASYNC) != 0) {
        struct record_about about;
        struct message m = {.type = MESSAGE_ENDED};
        record_look(own, &about);
        follow_tell_state(&about, front);
        m.outcome.kind = OUTCOME_KEPT;
        snprintf(m.outcome.run, sizeof m.outcome.run, "%s", rq->run);
        if (front->fd != -1 && message_send(front->fd, &m, NULL, 0, NULL, 0) == -1)
            front_link_close(front);
    } else if (started || whole) {
        follow_pass_on(own, whole ? FOLLOW_AFTER_END : FOLLOW_TO_END, front);
    } else if (got == RECEIPT_MESSAGE) {
        if (front->fd != -1 && message_send(front->fd, &in->m, in->text, in->text_n, NULL, 0) == -1)
            front_link_close(front);
    } else {
        tell_front(front, &(struct outcome){.kind = OUTCOME_ERROR}, rq->run);
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
        serve(s, rq, &link);
        _exit(0);
    case KEEPER_MONITOR: break;
    }
    lock_leave(&s->lock); /* the open file is the keeper's, and so is the lock on it */
    if (run_watch_signals())
        pass_on(rq, front, own, &link);
    front_link_close(&link);
    return true;
}

static bool is_kept(const struct request *rq) {
    return rq->is_hook || (rq->way & (MESSAGE_RUN_ASYNC | MESSAGE_RUN_KEPT)) != 0;
}

/* Makes the record of a request that wants one. */
static bool make_record(struct session *s, const struct request *rq, struct record_reader *own) {
    static struct record record; /* large */
    const struct settings *set = s->settings;
    bool kept = is_kept(rq);
    if ((!kept && rq->way == 0) || s->unusable != NULL
        || (kept && settings_number(set, SETTING_RUNS_KEEP) == 0))
        return false;
    int made = s->lock.directory == -1
                   ? -1
                   : record_create(&record, s->lock.directory, set->role, rq->run, rq->channel,
                                   rq->user, settings_number(set, SETTING_RUN_OUTPUT_MAX));
    if (made == 0 && record_open_own(own, &record)) {
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
    snprintf(s->error, sizeof s->error, "RUN_DIR: no record of run %s in %s: %s", rq->run,
             settings_text(set, SETTING_RUN_DIR), strerror(error));
    audit_error(rq->channel, rq->peer, s->error);
    return false;
}

bool session_serve(struct session *s, const struct request *rq, struct front_link *front) {
    struct record_reader own;
    bool kept = is_kept(rq);
    s->record = NULL;
    if (!make_record(s, rq, &own)) {
        struct request plain = *rq;
        plain.way = 0; /* it is served as it would be without that wish */
        serve(s, &plain, front);
    } else {
        if (!kept || !serve_by_keeper(s, rq, front, &own)) {
            struct request here = *rq;
            here.way = MESSAGE_RUN_WHOLE;
            if (kept)
                record_hide(s->record);
            serve(s, &here, front);
            follow_pass_on(&own, FOLLOW_AFTER_END, front);
        }
        record_close(&own);
    }
    run_forget_signals();
    return run_told() == 0;
}
