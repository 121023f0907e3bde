#include "ssh/shell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "ssh/stdstreams.h"
#include "ssh/handoff.h"
#include "core/audit.h"
#include "core/runas.h"
#include "core/session.h"
#include "core/settings.h"

extern char **environ;

struct visitor {
    char run[SESSION_RUN_ID], peer[LIMIT_PEER], user[LIMIT_USER];
    bool told; /* by `bastion ssh` */
    bool no_pty;
    int record; /* the lock's file, open for writing, or -1 */
    struct settings settings;
    struct session session;
};

/* ---- what of the client's environment survives ---- */

static bool is_safe(const char *value) {
    size_t n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+-");
    return n > 0 && n < 64 && value[n] == '\0' && value[0] != '.' && value[0] != '-';
}

static bool is_locale(const char *name, size_t n) {
    if (n == 4)
        return memcmp(name, "LANG", 4) == 0 || memcmp(name, "TERM", 4) == 0;
    return n > 3 && n < 32 && memcmp(name, "LC_", 3) == 0
           && strspn(name + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == n - 3;
}

/* TERM, LANG and LC_*, with values that can be neither a path nor anything that a program would
 * take apart. */
static char *const *clients_variables(void) {
    static char *kept[16];
    size_t count = 0;
    for (char **e = environ; *e != NULL && count < sizeof kept / sizeof *kept - 1; e++) {
        size_t n = strcspn(*e, "=");
        if ((*e)[n] == '=' && is_locale(*e, n) && is_safe(*e + n + 1))
            kept[count++] = *e;
    }
    return kept;
}

/* ---- who it is ---- */

/* The session is another sshd's. It named the account; the key it tells nobody. Where it forces
 * this command
 * (`--force-command`), its own variables can be believed, since it sets them behind the
 * client's. */
static void know_from_sshd(struct visitor *v, bool forced) {
    struct account self;
    const char *connection = forced ? getenv("SSH_CONNECTION") : NULL;
    char address[LIMIT_PEER];
    session_new_run(v->run);
    account_self(&self);
    snprintf(v->user, sizeof v->user, "%s", self.name);
    snprintf(address, sizeof address, "%.*s",
             connection != NULL ? (int)strcspn(connection, " ") : 0,
             connection != NULL ? connection : "");
    if (!ucspi_address(v->peer, address))
        snprintf(v->peer, sizeof v->peer, "unknown");
}

/* Learns who has logged in and what the administrator's environment is: of `bastion ssh`, or of
 * nobody. NULL when a ticket was refused. */
static char *const *know(struct visitor *v, pid_t parent, bool forced) {
    static char *nothing[] = {NULL};
    struct handoff t;
    int fd = handoff_ask(&t, parent);
    if (fd == -1 && errno != ENOENT)
        return NULL;
    if (fd == -1) {
        know_from_sshd(v, forced);
        return nothing;
    }
    log_target.relay = fd;
    snprintf(v->run, sizeof v->run, "%s", t.run);
    snprintf(v->user, sizeof v->user, "%s", t.user);
    snprintf(v->peer, sizeof v->peer, "%s", t.peer);
    v->no_pty = t.no_pty;
    v->record = t.record;
    v->told = true;
    return t.environment;
}

/* ---- the end ---- */

/* Ends as the command did: by its signal, so that sshd reports that (RFC 4254, section 6.10), or
 * with its code. */
static int end_like(const struct outcome *o) {
    if (o->signal != 0) {
        struct rlimit none = {0, 0};
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, o->signal);
        setrlimit(RLIMIT_CORE, &none);
        signal(o->signal, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        raise(o->signal);
    }
    return o->code;
}

static int refuse(const char *text, int code) {
    fprintf(stderr, "bastion: %s\n", text);
    return code;
}

static void note_denied(const struct visitor *v, const char *reason) {
    struct audit a = audit_denial("ssh", v->peer, reason);
    a.run = v->run;
    a.user = v->user;
    a.exit = 126;
    audit_write(&a);
}

static const char *open_session(struct visitor *v, char *const *environment) {
    static const char *const nowhere[] = {NULL};
    /* Whoever told the environment has read the files too, with eyes that see more. */
    struct settings_places places = {environment,
                                     v->told ? nowhere : settings_directories_of_guests};
    const char *error = settings_start(&v->settings, &places, NEED_RUN | NEED_ACCOUNT);
    if (error != NULL)
        return error;
    if (session_open(&v->session, &v->settings, environment, &error) == -1)
        return error;
    /* sshd has passed it on */
    if (!v->told && runas_has_root_group(&v->session.account, &v->settings))
        return "this account is in the group 0, root's, with which nothing runs";
    if (v->record != -1)
        v->session.lock.record = v->record;
    return NULL;
}

/* What the client asks for: what sshd was told to run, or nothing (a login). */
static struct slice wish_of(const char *request) {
    return (struct slice){request, request != NULL ? strlen(request) : 0};
}

static int serve(struct visitor *v, pid_t parent, bool forced, const char *request) {
    struct stdstreams streams;
    char *const *environment = know(v, parent, forced);
    if (environment == NULL)
        return refuse("this session is not known here", 126);
    const char *error = open_session(v, environment);
    if (error != NULL) {
        audit_error("ssh", v->peer, error);
        return refuse("the settings of this service are not usable; its log says why", 78);
    }
    bool terminal = isatty(0);
    if (terminal && v->no_pty) {
        note_denied(v, "this key may have no terminal");
        return refuse("this key may have no terminal", 126);
    }
    struct request rq = {.requested = wish_of(request),
                         .channel = "ssh",
                         .user = v->user,
                         .peer = v->peer,
                         .form = terminal ? RUN_TERMINAL : RUN_STREAMS,
                         .extra = clients_variables()};
    stdstreams_start(&streams, parent, terminal);
    session_serve(&v->session, &rq, v->run, &streams.client);
    int code = streams.outcome.code;
    stdstreams_close(&streams);
    return streams.outcome.signal != 0 ? end_like(&streams.outcome) : code;
}

int shell_main(int argc, char **argv) {
    static struct visitor v;
    v.record = -1;
    bool forced =
        argc == 2 && strcmp(argv[0], "shell") == 0 && strcmp(argv[1], "--force-command") == 0;
    bool request = argc == 3 && strcmp(argv[1], "-c") == 0;
    if (argc > 1 && !forced && !request)
        return refuse("as a login shell it takes -c and a request, or nothing", 64);
    if (fd_only_standard() == -1)
        return 71;
    /* A command of the same account must not write lines of the log from here (ptrace(2)). */
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    log_target.standard_error = LOG_STDERR_CLIENT;
    return serve(&v, getppid(), forced,
                 forced    ? getenv("SSH_ORIGINAL_COMMAND")
                 : request ? argv[2]
                           : NULL);
}
