#include "http/http_monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/drop.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/fork_single.h"
#include "base/init_link.h"
#include "base/landlock_apart.h"
#include "base/log.h"
#include "base/rate.h"
#include "core/audit.h"
#include "core/client.h"
#include "core/front_confinement.h"
#include "core/keeper.h"
#include "core/listed.h"
#include "core/monitor.h"
#include "core/noted.h"
#include "core/protect.h"
#include "core/run.h"
#include "http/auth.h"
#include "http/hook_login.h"

extern char **environ;

/* ---- the front ---- */

enum { FRONT_LINK = 2 }; /* the front's end of the socket to its monitor: it has no other log */

/* The child, which is left the connection and its link, and nothing else. It ends with the monitor,
 * without which it is of no use; until then the monitor alone is told to end, whose signals are
 * blocked here too. */
__attribute__((noreturn)) static void run_front(const struct http_connection *c, int link,
                                                pid_t monitor) {
    static struct front f; /* large */
    const struct account nobody = {.uid = ACCOUNT_HTTP, .gid = ACCOUNT_HTTP};
    if (c->environment == environ)
        env_wipe(environ); /* secrets stand there */
    f.link = FRONT_LINK;
    if (dup2(link, FRONT_LINK) == -1)
        _exit(71);
    fd_close_from(FRONT_LINK + 1);
    if (c->await != NULL) { /* it takes these places */
        close(0);
        close(1);
    }
    /* The end by a signal is set before the filter, which has no prctl(2) that could undo it, and
     * behind the change of account, which would. */
    if ((account_is_root() && drop_to(&nobody) == -1) || prctl(PR_SET_PDEATHSIG, SIGKILL) == -1
        || getppid() != monitor || front_confine(false) == -1)
        _exit(71);
    _exit(c->serve(&f));
}

/* ---- the monitor ---- */

/* In this order, with what is large at the end of each part, what most requests touch lies on few
 * pages. */
struct http_monitor {
    struct hook_secrets hook_secrets; /* outside of any role */
    struct monitor monitor;
    _Alignas(4096) const struct http_connection *connection;
    struct auth auth;
    struct auth_login who;      /* whose the last credential was */
    char reason[TOKENS_REASON]; /* of the last credential that was refused */
    bool has_asked;             /* for a login, once */
    struct rate denials;        /* lines of the log on refused requests, without `bastion init` */
    const char *error;          /* why requests of no role can't be served, or NULL */
    struct settings settings;
    _Alignas(4096) struct session session;
    struct hook hook;
    struct role_session role;
};

static void note_unusable(void *context, const struct buf *lines) {
    const struct http_monitor *h = context;
    bool is_open = h->session.opened && h->session.lock.directory != -1; /* RUN_DIR too */
    int directory = is_open ? h->session.lock.directory
                            : fd_open(settings_text(&h->settings, SETTING_RUN_DIR),
                                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (directory != -1)
        noted_log(directory, "unusable-tokens", lines, h->connection->channel, h->connection->peer);
    if (!is_open)
        fd_close(&directory);
}

/* What was seen when the settings were read is good for one request. */
static void begin_login(struct http_monitor *h) {
    if (h->has_asked)
        listed_forget();
    h->has_asked = true;
}

/* Has the monitor serve what a credential buys: what h->who.role says. */
static void choose_session(struct http_monitor *h) {
    h->monitor.session = &h->session;
    if (h->who.role.name[0] != '\0') {
        session_open_role(&h->role, &h->settings, h->connection->environment, h->who.role.name);
        h->monitor.session = &h->role.session;
    } else if (h->error != NULL) {
        session_refuse(&h->session, &h->settings, h->error);
    }
}

/* Judges the credential, and has the monitor serve what it buys. */
static const char *admit(struct http_monitor *h, struct slice credential) {
    struct auth_login *who = &h->who;
    const char *reason = auth_judge(&h->auth, credential, h->monitor.client, who, h->reason);
    if (reason != NULL)
        return reason;
    choose_session(h);
    return NULL;
}

/* Credential and settings of a role are of one state of its folder: else all is read again. */
static const char *admit_by_one_state(struct http_monitor *h, struct slice credential) {
    const char *directory = settings_text(&h->settings, SETTING_ROLES_DIR);
    for (int i = 0; i < LIMIT_ROLE_READS; i++) {
        const char *reason = admit(h, credential);
        if (h->who.role.name[0] == '\0' || roles_is_unchanged(directory, &h->who.role))
            return reason;
    }
    return "the folder of its role changes while it is read";
}

static const char *judge_credential(struct monitor *m, struct slice credential) {
    struct http_monitor *h = m->context;
    begin_login(h);
    h->who.user[0] = h->who.role.name[0] = '\0';
    const char *reason = credential.n == 0 ? "no credential" : admit_by_one_state(h, credential);
    const char *certificate = h->connection->user;
    snprintf(m->user, sizeof m->user, "%s", certificate[0] != '\0' ? certificate : h->who.user);
    if (reason == NULL)
        init_link_known();
    return reason;
}

/* The same of a webhook's delivery, whose path names the role that its signature has to prove. */
static void choose_hook(struct monitor *m, const char *name) {
    struct http_monitor *h = m->context;
    const char *directory = settings_text(&h->settings, SETTING_ROLES_DIR);
    begin_login(h);
    h->who.user[0] = '\0';
    for (int i = 0; i < LIMIT_ROLE_READS; i++) {
        h->hook.missing =
            hook_login(&h->hook.secrets, &h->hook_secrets, &h->settings, name, &h->who.role);
        choose_session(h);
        if (h->who.role.name[0] == '\0' || roles_is_unchanged(directory, &h->who.role))
            return;
    }
    h->hook.missing = "the folder of its role changes while it is read";
}

/* Writes the line, or has it counted where there were enough of them in this second: by `bastion
 * init`, where that has accepted the connection, else here: then the next line says how many were
 * left out. */
static void log_refusal(struct monitor *m, int status, const char *reason, bool failed_login) {
    struct http_monitor *h = m->context;
    char text[LIMIT_REFUSAL_TEXT + 96];
    struct audit a = audit_denial(m->channel, m->client, reason);
    enum init_link_answer answer = init_link_ask();
    if (answer == INIT_LINK_COUNTED)
        return;
    /* Of wrong credentials one connection has one a second at most (core/monitor.c). */
    if (answer == INIT_LINK_NOBODY && !failed_login
        && !rate_allows(&h->denials, LIMIT_DENIAL_LINES, clock_now()))
        return;
    if (h->denials.left_out > 0) {
        snprintf(text, sizeof text, "%s; %llu more were refused since the last such line", reason,
                 (unsigned long long)h->denials.left_out);
        a.reason = text;
        h->denials.left_out = 0;
    }
    a.event = failed_login ? "login" : a.event;
    a.user = h->connection->user[0] != '\0' ? h->connection->user : NULL;
    a.role = failed_login && h->who.role.name[0] != '\0' ? h->who.role.name : NULL;
    a.status = status;
    audit_write(&a);
}

/* At the end of a connection: says how many were left out since the last line. */
static void log_left_out(const struct http_monitor *h) {
    char text[96] = "";
    struct audit a = audit_denial(h->connection->channel, h->connection->peer, text);
    if (h->denials.left_out == 0)
        return;
    audit_forwarded_by(NULL); /* they may have been of several clients */
    snprintf(text, sizeof text, "%llu more were refused since the last such line",
             (unsigned long long)h->denials.left_out);
    audit_write(&a);
}

/* Returns NULL, or why no request can be served. */
static const char *open_session(struct http_monitor *h) {
    char *const *environment = h->connection->environment;
    bool is_cgi = environment != environ;
    struct settings_places places = {environment, is_cgi ? settings_directories_of_guests
                                                         : settings_directories};
    const char *error = settings_start(
        &h->settings, &places, NEED_RUN | NEED_HTTP | NEED_ACCOUNT | NEED_RUN_DIR | NEED_PROXIES);
    auth_load(&h->auth, &h->settings);
    hook_secrets_load(&h->hook_secrets, &h->settings);
    hook_start(&h->hook);
    h->auth.remembered = &h->settings;
    h->auth.unusable = note_unusable;
    h->auth.context = h;
    if (error != NULL)
        return error;
    if (session_open(&h->session, &h->settings, environment) == -1)
        h->error = h->session.error;
    /* With roles it is an error only for those who are of none. */
    if (h->error != NULL && !roles_any(settings_text(&h->settings, SETTING_ROLES_DIR)))
        return h->error;
    if (h->auth.scheme == AUTH_NONE && !h->auth.has_others && h->hook_secrets.count == 0)
        return "HTTP_BASIC_AUTH, HTTP_TOKEN, TOKENS_DIR, ROLES_DIR, HOOK_SECRET: there is no "
               "credential, so nobody may run anything";
    return NULL;
}

/* Does what a run needs ahead of time, and waits for the connection. Process 1 sends it only where
 * nothing of what was read has changed until then. False when there will be none. */
static bool await_connection(struct http_monitor *h) {
    struct session *s = &h->session;
    protect_prepare();
    landlock_apart_look();
    session_new_run(h->monitor.run);
    run_watch_signals();
    h->monitor.connection = h->connection->await(h->monitor.front.fd);
    if (h->monitor.connection == -1)
        return false;
    h->monitor.ready.ready.is_set_up = true;
    protect_confirm();
    landlock_apart_confirm();
    listed_confirm();
    if (s->opened && !lock_is_in_place(&s->lock)) {
        lock_close(&s->lock);
        lock_prepare(&s->lock, settings_text(s->settings, SETTING_RUN_DIR), NULL, s->account.gid);
    }
    return true;
}

static bool serve_front(const struct http_connection *c, int link) {
    static struct http_monitor h; /* large */
    h.connection = c;
    h.monitor.session = &h.session;
    h.monitor.channel = c->channel;
    h.monitor.peer = c->peer;
    h.monitor.front.fd = link;
    h.monitor.login = judge_credential;
    h.monitor.refused = log_refusal;
    h.monitor.hook = &h.hook;
    h.monitor.hook_role = choose_hook;
    h.monitor.context = &h;
    const char *error = open_session(&h);
    /* A spare that can't serve leaves that, and the line of the log, to one that has a client. */
    if (c->await != NULL && (error != NULL || !await_connection(&h)))
        _exit(0);
    if (error != NULL)
        audit_error(c->channel, c->peer, error);
    h.monitor.ready.ready.usable = error == NULL;
    if (error == NULL && client_is_proxy(&h.settings, c->peer))
        h.monitor.proxies = settings_text(&h.settings, SETTING_TRUSTED_PROXIES);
    h.monitor.ready_text = auth_challenge(&h.auth);
    bool sound = monitor_serve(&h.monitor);
    log_left_out(&h);
    return sound;
}

/* Waits for the front's end, but not for ever. Returns its exit status. */
static int await_front(const struct http_connection *c, pid_t front) {
    int64_t deadline = clock_after(clock_now(), LIMIT_FRONT_END_S * 1000);
    char text[96];
    int status;
    pid_t ended;
    while ((ended = waitpid(front, &status, WNOHANG)) == 0)
        if (!run_await_child(deadline))
            return 1;
    if (ended == -1)
        return 1;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    snprintf(text, sizeof text, "the process that parses what the client sends ended by signal %d",
             WTERMSIG(status));
    audit_error(c->channel, c->peer, text);
    return 1;
}

int http_monitor_run(const struct http_connection *c) {
    int ends[2], null = fd_null();
    pid_t self = gettid(); /* its number too, and no system call */
    if (log_target.standard_error == LOG_STDERR_UNKNOWN)
        log_target.standard_error = log_look();
    run_block_signals();
    /* a command of the same account must not read the credential here (ptrace(2)) */
    prctl(PR_SET_DUMPABLE, 0);
    if (null == -1 || message_pair(ends) == -1)
        return 71;
    clock_now(); /* what the C library looks up for it need not be looked up twice */
    pid_t front = fork_single();
    if (front == -1)
        return 71;
    if (front == 0)
        run_front(c, ends[1], self);
    close(ends[1]);
    /* The connection ends when the front closes it. */
    fd_put_null(0, 1);
    if (log_target.standard_error == LOG_STDERR_CLIENT)
        dup2(null, 2);
    /* Without this process the front is gone too. */
    int status = serve_front(c, ends[0]) ? await_front(c, front) : 1;
    keeper_await_all();
    return status;
}
