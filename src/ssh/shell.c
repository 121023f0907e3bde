#include "ssh/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "core/front.h"
#include "core/front_confinement.h"
#include "core/keeper.h"
#include "core/monitor.h"
#include "core/runas.h"
#include "ssh/handoff.h"
#include "ssh/stdstreams.h"

extern char **environ;

/* ---- the monitor, where another sshd serves the session ---- */

struct foreign_session {
    char peer[LIMIT_PEER];
    struct settings settings;
    struct session session;
    struct role_session role;
    struct monitor monitor;
};

/* The session is another sshd's, which says as whom it logged somebody in by the account that this
 * process runs as, and of the key nothing. Where that sshd forces this command (`--force-command`)
 * its own variables can be believed, since it sets them after the client's. */
static void identify_by_sshd(struct foreign_session *l, bool forced) {
    struct account self;
    const char *connection = forced ? getenv("SSH_CONNECTION") : NULL;
    char address[LIMIT_PEER];
    account_self(&self);
    snprintf(l->monitor.user, sizeof l->monitor.user, "%s", self.name);
    snprintf(address, sizeof address, "%.*s",
             connection != NULL ? (int)strcspn(connection, " ") : 0,
             connection != NULL ? connection : "");
    if (!ucspi_address(l->peer, address))
        snprintf(l->peer, sizeof l->peer, "unknown");
}

/* The environment is the client's. Returns NULL, or why nothing may run. */
static const char *open_foreign_session(struct foreign_session *l, const char *role) {
    static char *no_environment[] = {NULL};
    struct settings_places places = {no_environment, settings_directories_of_guests};
    const char *error = settings_start(&l->settings, &places, NEED_RUN | NEED_ACCOUNT);
    if (error != NULL)
        return error;
    if (role != NULL) {
        session_open_role(&l->role, &l->settings, no_environment, role);
        l->monitor.session = &l->role.session;
        error = l->role.session.unusable;
    } else if (session_open(&l->session, &l->settings, no_environment) == -1) {
        error = l->session.error;
    }
    if (error != NULL)
        return error;
    /* the sshd may have left the group to this process */
    if (runas_has_root_group(&l->monitor.session->account, &l->settings))
        return "this account is in the group 0, root's, with which nothing runs";
    return NULL;
}

__attribute__((noreturn)) static void run_foreign_monitor(int link, bool forced, const char *role) {
    static struct foreign_session l; /* large */
    int null = fd_open("/dev/null", O_RDWR);
    /* Of the same session, whose terminal a command may need; but not of the process group that is
     * hung up when the front gives the terminal up. */
    if (setpgid(0, 0) == -1 && errno != EPERM)
        _exit(71);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) == -1)
            _exit(71);
    identify_by_sshd(&l, forced);
    l.monitor.session = &l.session;
    l.monitor.channel = "ssh";
    l.monitor.peer = l.peer;
    l.monitor.front.fd = link;
    const char *error = open_foreign_session(&l, role);
    if (error != NULL)
        audit_error("ssh", l.peer, error);
    l.monitor.ready.ready.usable = error == NULL;
    monitor_serve(&l.monitor);
    keeper_await_all();
    _exit(0);
}

/* Returns the socket to the monitor, or -1. */
static int start_foreign_monitor(bool forced, const char *role) {
    int ends[2];
    if (message_pair(ends) == -1)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        run_foreign_monitor(ends[0], forced, role);
    }
    close(ends[0]);
    if (pid == -1)
        fd_close(&ends[1]);
    return ends[1];
}

/* ---- the front ---- */

/* What of the client's environment survives. */
static char *const *client_variables(void) {
    static char *kept[LIMIT_CLIENT_VARIABLES + 1]; /* of this process, which serves one session */
    size_t count = 0;
    for (char **e = environ; *e != NULL && count < LIMIT_CLIENT_VARIABLES; e++)
        if (monitor_passes_variable(*e))
            kept[count++] = *e;
    return kept;
}

/* A terminal that this process leads as a session is given up for good, so that the command's can
 * take it: the kernel's hang-up, its signals and the new sizes reach the command as if this process
 * were not there. Giving it up hangs its foreground group up, which is this process: that signal is
 * ignored. False where it is not the leader, or where the terminal is not this session's. */
static bool give_up_terminal(void) {
    if (getsid(0) != getpid())
        return false;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGHUP, &ignore, &old);
    bool given = ioctl(0, TIOCNOTTY) == 0; /* else ENOTTY (ioctl_tty(2)) */
    sigaction(SIGHUP, &old, NULL);
    return given;
}

/* ---- the end ---- */

/* Ends as the command did: by its signal, so that the sshd reports that (RFC 4254, section 6.10),
 * or with its code, which is returned. */
static int end_as_command(const struct outcome *o) {
    if (o->signal != 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, o->signal);
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

/* `request` is what the sshd was asked to run, NULL for a login. Returns the exit status. */
static int serve_login(struct front *f, const char *request) {
    static struct stdstreams streams; /* large */
    bool terminal = isatty(0);
    if (f->link == -1 || !front_wait_ready(f))
        return refuse_session("this session is not known here", 126);
    if (!f->usable)
        return refuse_session("the settings of this service are not usable; its log says why", 78);
    const struct front_request rq = {.requested = {request, request != NULL ? strlen(request) : 0},
                                     .form = terminal ? RUN_TERMINAL : RUN_STREAMS,
                                     .variables = client_variables(),
                                     .terminal = 0,
                                     .leads_terminal = terminal && give_up_terminal()};
    if (front_confine(true) == -1)
        return refuse_session("this process can't be confined", 71);
    stdstreams_start(&streams, terminal);
    front_run(f, &rq, &streams.frontend);
    int code = streams.outcome.code;
    stdstreams_close();
    return streams.outcome.signal != 0 ? end_as_command(&streams.outcome) : code;
}

int shell_main(int argc, char **argv) {
    static struct front f; /* large */
    pid_t parent = getppid();
    bool forced =
        argc >= 2 && strcmp(argv[0], "shell") == 0 && strcmp(argv[1], "--force-command") == 0;
    const char *role = forced && argc == 4 && strcmp(argv[2], "--role") == 0 ? argv[3] : NULL;
    bool request = argc == 3 && strcmp(argv[1], "-c") == 0;
    if (argc > 1 && !request && !(forced && (argc == 2 || role != NULL)))
        return refuse_session("as a login shell it takes -c and a request, or nothing", 64);
    bool handed_over = handoff_is_there();
    if (fd_only_standard() == -1)
        return 71;
    /* A command of the same account must not ask the monitor for another run from here
     * (ptrace(2)). */
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    log_target.standard_error = LOG_STDERR_CLIENT;
    if (handed_over)
        f.link = handoff_hello() == 0 ? HANDOFF_FD : -1;
    else
        f.link = start_foreign_monitor(forced, role);
    /* When the sshd is gone, so is the client. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
        return 71;
    return serve_login(&f, forced ? getenv("SSH_ORIGINAL_COMMAND") : request ? argv[2] : NULL);
}
