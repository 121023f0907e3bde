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

/* The session of one login. */
struct login_session {
    char run[SESSION_RUN_ID], peer[LIMIT_PEER], user[LIMIT_USER];
    bool handed_over; /* by `bastion ssh`; else it is another sshd's */
    bool no_pty;      /* its key may have no terminal */
    int record;       /* the lock's file, open for writing, or -1 */
    struct handoff_room room;
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

/* Returns TERM, LANG and LC_*, if their values can be neither a path nor anything that a program
 * would take apart. */
static char *const *client_variables(void) {
    static char *kept[16]; /* of this process, which serves one session */
    size_t count = 0;
    for (char **e = environ; *e != NULL && count < sizeof kept / sizeof *kept - 1; e++) {
        size_t n = strcspn(*e, "=");
        if ((*e)[n] == '=' && is_locale(*e, n) && is_safe(*e + n + 1))
            kept[count++] = *e;
    }
    return kept;
}

/* ---- who it is ---- */

/* The session is another sshd's, which says as whom it logged somebody in by the account that this
 * process runs as, and of the key nothing. Where that sshd forces this command (`--force-command`)
 * its own variables can be believed, since it sets them after the client's. */
static void identify_by_sshd(struct login_session *l, bool forced) {
    struct account self;
    const char *connection = forced ? getenv("SSH_CONNECTION") : NULL;
    char address[LIMIT_PEER];
    session_new_run(l->run);
    account_self(&self);
    snprintf(l->user, sizeof l->user, "%s", self.name);
    snprintf(address, sizeof address, "%.*s",
             connection != NULL ? (int)strcspn(connection, " ") : 0,
             connection != NULL ? connection : "");
    if (!ucspi_address(l->peer, address))
        snprintf(l->peer, sizeof l->peer, "unknown");
}

/* Learns who has logged in, from `bastion ssh` or from another sshd. Returns the administrator's
 * environment, which is empty of the latter; or NULL when `bastion ssh` refuses. */
static char *const *identify(struct login_session *l, pid_t parent, bool forced) {
    static char *no_environment[] = {NULL};
    struct handoff handoff;
    int fd = handoff_ask(&handoff, &l->room, parent);
    if (fd == -1 && errno != ENOENT)
        return NULL;
    if (fd == -1) {
        identify_by_sshd(l, forced);
        return no_environment;
    }
    log_target.relay = fd;
    snprintf(l->run, sizeof l->run, "%s", handoff.run);
    snprintf(l->user, sizeof l->user, "%s", handoff.user);
    snprintf(l->peer, sizeof l->peer, "%s", handoff.peer);
    l->no_pty = handoff.no_pty;
    l->record = handoff.record;
    l->handed_over = true;
    return handoff.environment;
}

/* ---- the end ---- */

/* Ends as the command did: by its signal, so that the sshd reports that (RFC 4254, section 6.10),
 * or with its code, which is returned. */
static int end_as_command(const struct outcome *o) {
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

/* Says on standard error, which is the client's, why nothing runs. Returns the exit status. */
static int refuse_session(const char *text, int code) {
    fprintf(stderr, "bastion: %s\n", text);
    return code;
}

static void log_denial(const struct login_session *l, const char *reason) {
    struct audit a = audit_denial("ssh", l->peer, reason);
    a.run = l->run;
    a.user = l->user;
    a.exit = 126;
    audit_write(&a);
}

static const char *open_login_session(struct login_session *l, char *const *environment) {
    static const char *const no_directories[] = {NULL};
    /* An environment from `bastion ssh` has the values of the files too: root may read more of them
     * than this account. */
    struct settings_places places = {environment, l->handed_over ? no_directories
                                                                 : settings_directories_of_guests};
    const char *error = settings_start(&l->settings, &places, NEED_RUN | NEED_ACCOUNT);
    if (error != NULL)
        return error;
    if (session_open(&l->session, &l->settings, environment) == -1)
        return l->session.error;
    /* another sshd may have left the group to this process */
    if (!l->handed_over && runas_has_root_group(&l->session.account, &l->settings))
        return "this account is in the group 0, root's, with which nothing runs";
    if (l->record != -1)
        l->session.lock.record = l->record;
    return NULL;
}

/* `request` is what the sshd was asked to run, NULL for a login. Returns the exit status. */
static int serve_login(struct login_session *l, pid_t parent, bool forced, const char *request) {
    struct stdstreams streams;
    char *const *environment = identify(l, parent, forced);
    if (environment == NULL)
        return refuse_session("this session is not known here", 126);
    const char *error = open_login_session(l, environment);
    if (error != NULL) {
        audit_error("ssh", l->peer, error);
        return refuse_session("the settings of this service are not usable; its log says why", 78);
    }
    bool terminal = isatty(0);
    if (terminal && l->no_pty) {
        log_denial(l, "this key may have no terminal");
        return refuse_session("this key may have no terminal", 126);
    }
    struct request rq = {.requested = {request, request != NULL ? strlen(request) : 0},
                         .channel = "ssh",
                         .user = l->user,
                         .peer = l->peer,
                         .form = terminal ? RUN_TERMINAL : RUN_STREAMS,
                         .extra = client_variables()};
    stdstreams_start(&streams, parent, terminal);
    session_serve(&l->session, &rq, l->run, &streams.frontend);
    int code = streams.outcome.code;
    stdstreams_close(&streams);
    return streams.outcome.signal != 0 ? end_as_command(&streams.outcome) : code;
}

int shell_main(int argc, char **argv) {
    static struct login_session l; /* large */
    l.record = -1;
    bool forced =
        argc == 2 && strcmp(argv[0], "shell") == 0 && strcmp(argv[1], "--force-command") == 0;
    bool request = argc == 3 && strcmp(argv[1], "-c") == 0;
    if (argc > 1 && !forced && !request)
        return refuse_session("as a login shell it takes -c and a request, or nothing", 64);
    if (fd_only_standard() == -1)
        return 71;
    /* A command of the same account must not write lines of the log from here (ptrace(2)). */
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    log_target.standard_error = LOG_STDERR_CLIENT;
    return serve_login(&l, getppid(), forced,
                       forced    ? getenv("SSH_ORIGINAL_COMMAND")
                       : request ? argv[2]
                                 : NULL);
}
