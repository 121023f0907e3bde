#include "core/session.h"

#include <errno.h>
#include <poll.h>
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
#include "core/session_parts.h"
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
    /* static, since it is large, and with what is used of it on one page; the command gets it
     * before the next one */
    static _Alignas(4096) struct env e;
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
    return rq->form != RUN_TERMINAL || !account_is_root()
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
                                  .account = account_is_root() ? &s->account : NULL,
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
            session_announce(s, front, run_id);
        return;
    }
    int fds[MESSAGE_FDS];
    size_t n = 0;
    m.outcome.code = MESSAGE_COUNTS;
    snprintf(m.outcome.run, sizeof m.outcome.run, "%s", run_id);
    for (int i = 0; i < RUN_PIPES; i++)
        if (s->run.out[i] != -1)
            fds[n++] = s->run.out[i];
    if (s->run.in != -1)
        fds[n++] = s->run.in;
    front_link_send(front, &m, NULL, 0, fds, n);
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
    shared_run_leave(&s->shared, s->record != NULL && s->record->is_listed);
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

/* Another run covers the request: its record says so. A delivery is through once that run is. */
static void share_run(struct session *s, const struct request *rq, struct audit *a,
                      struct front_link *front, struct outcome *o) {
    struct record_reader r;
    struct record_about about;
    snprintf(s->error, sizeof s->error, "run %s is what it gets", s->shares);
    a->event = "share";
    a->reason = s->error;
    audit_write(a);
    record_share(s->record, s->shares);
    if (s->is_keeper)
        session_announce(s, front, a->run);
    *o = (struct outcome){.kind = OUTCOME_LOST};
    if (rq->delivery == NULL || !record_open(&r, s->lock.directory, s->settings->role, s->shares))
        return;
    record_follow(&r, s->lock.directory, s->settings->role);
    follow_await(&r, &about);
    *o = (struct outcome){.kind = record_outcome(&about), .code = about.code};
    record_close(&r);
}

static void note_refusal(struct audit *a, const struct outcome *o) {
    static const char *const event[] = {
        [OUTCOME_FAILED] = "end",   [OUTCOME_FORBIDDEN] = "deny", [OUTCOME_DENIED] = "deny",
        [OUTCOME_SKIPPED] = "skip", [OUTCOME_BUSY] = "refuse",    [OUTCOME_FULL] = "refuse",
        [OUTCOME_KEPT] = "share",   [OUTCOME_ENDED] = "gone",     [OUTCOME_GONE] = "gone",
        [OUTCOME_ERROR] = "fault"};
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

void session_tell(struct front_link *front, const struct outcome *o, const char *run_id) {
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
    front_link_send(front, &m, text, text != NULL ? strlen(text) : 0, NULL, 0);
}

void session_serve_here(struct session *s, const struct request *rq, struct front_link *front) {
    struct decision *d = &s->decision;
    char run_id[SESSION_RUN_ID];
    snprintf(run_id, sizeof run_id, "%s", rq->run);
    s->delivery.fd = s->shared.fd = -1;
    s->shares[0] = '\0';
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
        && session_take_lock(s, rq, d, &a, front, &o)
        && (session_list_record(s, &o) || s->shared.fd != -1) && start_run(s, rq, d, &a, &o)) {
        follow_to_end(s, rq, &a, front, &o);
    } else if (s->shares[0] != '\0') {
        share_run(s, rq, &a, front, &o);
    } else {
        shared_run_leave(&s->shared, false);
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
        session_tell(front, &o, run_id);
}
