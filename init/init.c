#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/fd.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/run_directory.h"
#include "core/audit.h"
#include "core/policy.h"
#include "core/protect.h"
#include "core/runas.h"
#include "core/settings_export.h"
#include "core/tokens.h"
#include "accounts.h"
#include "apart.h"
#include "rundir.h"
#include "supervisor.h"
#include "serve.h"
#include "preflight.h"
#include "spawn.h"
#include "syslog.h"

extern char **environ;

/* The same for every request, none of which is read. */
static const char busy_http[] =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nCache-Control: "
    "no-store\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\nToo many connections.\n";

static int refuse_start(const char *reason) { return log_no_start("init", reason); }

/* ---- the settings ---- */

/* Returns 0, or the exit code for an error, which then has its line in the log. */
static int read_settings(struct supervisor *v) {
    struct settings_places places = {environ, settings_directories};
    const char *error = settings_start(&v->settings, &places, NEED_ALL);
    if (error != NULL)
        return refuse_start(error);
    if (strcmp(settings_text(&v->settings, SETTING_SSH_USER), "root") == 0)
        return refuse_start("SSH_USER: must not be root, as whom nothing runs");
    const uint64_t uid = settings_number(&v->settings, SETTING_SSH_UID);
    const struct account wanted = {.uid = (uid_t)uid};
    const char *unfit = account_unfit(&wanted); /* "has the number that ..." */
    if (unfit != NULL) {
        char text[128];
        snprintf(text, sizeof text, "SSH_UID: %d is%s", (int)uid, unfit + strlen("has"));
        return refuse_start(text);
    }
    v->limits.all = settings_number(&v->settings, SETTING_MAX_CONNECTIONS);
    v->limits.per_address = settings_number(&v->settings, SETTING_MAX_CONNECTIONS_PER_ADDRESS);
    return 0;
}

/* Rules, keys and the like take a parser to judge, which this process is to be without: another one
 * judges them. */
static int check_rules(void) {
    static const char *const argv[] = {"bastion", "check", "--brief", NULL};
    return spawn_and_wait(argv, serve_environment());
}

/* ---- what is to be served, and the run directory ---- */

static bool has_either(const struct supervisor *v, enum setting one, enum setting other) {
    return settings_given(&v->settings, one) || settings_given(&v->settings, other);
}
static bool has_port(const struct supervisor *v, enum setting port) {
    return settings_number(&v->settings, port) != 0;
}
static bool has_credential(const struct supervisor *v) { return settings_serve_http(&v->settings); }
static bool has_http(const struct supervisor *v) {
    return has_credential(v) && has_port(v, SETTING_HTTP_PORT);
}
static bool has_https(const struct supervisor *v) {
    return has_credential(v) && has_either(v, SETTING_TLS_CERT, SETTING_TLS)
           && has_port(v, SETTING_HTTPS_PORT);
}

static int prepare_rundir(struct supervisor *v, enum rundir *rundir) {
    char text[256];
    const char *error = NULL;
    *rundir = rundir_prepare(&error);
    if (*rundir == RUNDIR_UNSAFE)
        return refuse_start(error);
    const char *run_dir = settings_text(&v->settings, SETTING_RUN_DIR);
    mkdir(run_dir, 0755); /* preflight.h says what is wrong with it */
    if (*rundir == RUNDIR_OTHERS
        && (strcmp(run_dir, RUN_DIRECTORY) == 0 || (geteuid() == 0 && container_is_ours())))
        return refuse_start(RUN_DIRECTORY
                            ": can't be made, or is another account's: mount memory at /run itself "
                            "(--tmpfs /run, an emptyDir), where "
                            "bastion makes it its own, or set RUN_DIR");
    if (*rundir == RUNDIR_OTHERS)
        return 0;
    int written = settings_export_write(&v->settings);
    bool failed = written == -1
                  || (container_is_ours()
                      && accounts_write(&v->accounts, &v->settings, serve_environment()) == -1);
    snprintf(text, sizeof text, RUN_DIRECTORY ": %s", strerror(errno));
    if (written == 0 && geteuid() == 0)
        audit_notice(NULL,
                     SETTINGS_EXPORT ": another bastion init that is running has its settings "
                                     "there: cgi and login shells of other sshds go by those");
    return failed ? refuse_start(text) : 0;
}

/* ---- what is served ---- */

static bool has_header(const struct supervisor *v) {
    return settings_number(&v->settings, SETTING_PROXY_PROTOCOL) == PROXY_PROTOCOL_ON;
}

/* `bastion PROGRAM`, behind `bastion tls` where that is asked for, and before both `bastion proxy`
 * where that is. `argv` has room for that. */
static const char *const *put_argv(const struct supervisor *v, const char **argv, bool tls,
                                   const char *program) {
    const char **next = argv;
    *next++ = "bastion";
    if (has_header(v)) {
        *next++ = "proxy";
        *next++ = spawn_path();
    }
    if (tls) {
        *next++ = "tls";
        *next++ = spawn_path();
    }
    *next++ = program;
    *next = NULL;
    return argv;
}

static void add_listener(struct supervisor *v, const char *channel, const char *const *argv,
                         int64_t unknown_ms, enum setting port) {
    bool is_http = port == SETTING_HTTP_PORT;
    v->listeners[v->listener_count++] =
        (struct listener){.channel = channel,
                          .argv = argv,
                          .limits = &v->limits,
                          .proxies = settings_text(&v->settings, SETTING_TRUSTED_PROXIES),
                          .has_header = has_header(v),
                          .refusal = is_http ? busy_http : NULL,
                          .unknown_ms = unknown_ms,
                          .refused_ms = port != SETTING_SSH_PORT ? LIMIT_UNKNOWN_REFUSED_MS : 0,
                          .port = (unsigned)settings_number(&v->settings, port),
                          .fd = -1};
}

/* Whoever logs in becomes SSH_USER: that takes root, or a process that is this account already. On
 * a host that account may not be fit for logins, and HTTP is served alone. In the container it is
 * made fit, so that root has an error to mend where SSH can't be served. Returns whether SSH is
 * served, or -1 for that error, which has its line in the log. */
static int prepare_ssh(enum rundir rundir) {
    static const char *const argv[] = {"bastion", "ssh", "--prepare", NULL};
    char text[PREFLIGHT_TEXT];
    const char *error = container_is_ours() ? preflight_ssh_error(text) : NULL;
    bool can = error == NULL && rundir == RUNDIR_OURS && (geteuid() == 0 || container_is_ours());
    if (can && spawn_and_wait(argv, serve_environment()) == 0)
        return 1;
    if (geteuid() == 0 && container_is_ours())
        return -1;
    audit_notice("ssh", error != NULL ? error
                        : can         ? "SSH is not served, only HTTP: what it takes is missing"
                              : "SSH is not served, only HTTP: it takes root, and an account whose "
                                "login shell is bastion");
    return 0;
}

/* TLS=self-signed: makes the certificate, unless there is one, beside the host's key. It has the
 * names that clients in the same container and outside of it use. */
static int prepare_certificate(const struct supervisor *v) {
    char host[256] = "";
    const char *argv[] = {
        "bastion",   "cert", "--keep", settings_text(&v->settings, SETTING_SSH_KEYS),
        "localhost", host,   NULL};
    if (!settings_given(&v->settings, SETTING_TLS))
        return 0;
    gethostname(host, sizeof host - 1);
    int code = spawn_and_wait(argv, serve_environment());
    if (code != 64)
        return code;
    argv[5] = NULL; /* a container may have a name that no certificate can */
    return spawn_and_wait(argv, serve_environment());
}

static void note_lost_key(const struct supervisor *v) {
    char text[LIMIT_PATH + 128];
    const char *keys = settings_text(&v->settings, SETTING_SSH_KEYS);
    snprintf(text, sizeof text,
             "SSH_KEYS: %s is on no volume: the host's key goes when this container goes", keys);
    if (container_is_ours() && !rundir_is_volume(keys))
        audit_notice("ssh", text);
}

static int choose_listeners(struct supervisor *v, enum rundir rundir) {
    enum { ROOM = 7 };
    static const char *http[ROOM], *https[ROOM], *ssh[ROOM], *mux[ROOM];
    bool has_mux = has_port(v, SETTING_MUX_PORT);
    if (has_http(v))
        add_listener(v, "http", put_argv(v, http, false, "http"), LIMIT_UNKNOWN_HTTP_MS,
                     SETTING_HTTP_PORT);
    if ((has_https(v) || has_mux) && prepare_certificate(v) != 0) /* it has said why */
        return 78;
    if (has_https(v))
        add_listener(v, "https", put_argv(v, https, true, "http"), LIMIT_UNKNOWN_HTTPS_MS,
                     SETTING_HTTPS_PORT);
    int has_ssh = has_port(v, SETTING_SSH_PORT) || has_mux ? prepare_ssh(rundir) : 0;
    if (has_ssh == -1)
        return 78;
    if (has_ssh == 1)
        note_lost_key(v);
    if (has_ssh == 1 && has_port(v, SETTING_SSH_PORT))
        add_listener(v, "ssh", put_argv(v, ssh, false, "ssh"), LIMIT_UNKNOWN_SSH_MS,
                     SETTING_SSH_PORT);
    if (has_mux)
        add_listener(v, "mux", put_argv(v, mux, false, "mux"), LIMIT_UNKNOWN_SSH_MS,
                     SETTING_MUX_PORT);
    if (v->listener_count > 0)
        return 0;
    return refuse_start(
        has_credential(v)
            ? "HTTP_PORT, HTTPS_PORT, SSH_PORT, MUX_PORT: no port is on that can be served, so "
              "that there is "
              "nothing to do"
            : "HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set, so that there is nothing to serve");
}

/* ---- what the log has of the start ---- */

static void notice(const char *name, const char *text) {
    char line[3 * LIMIT_PATH];
    if (text == NULL)
        return;
    snprintf(line, sizeof line, "%s: %s", name, text);
    audit_notice(NULL, line);
}

static void notice_finding(void *context, enum protect_finding finding, const char *path,
                           const char *text) {
    const bool *starts = context;
    if (finding == PROTECT_REFUSED
        || (*starts && finding != PROTECT_CLOSED && finding != PROTECT_SHARED))
        notice(path, text);
}

/* What the administrator may not have meant, though everybody can be served. Where nobody can
 * (`starts` is false): which files do not count, since that may be the cause. Another process does
 * it, since this one would keep the memory that it takes to the end. */
static void notice_findings(const struct supervisor *v, bool starts) {
    static struct policy policy;
    char error[LIMIT_ERROR];
    pid_t pid = fork();
    while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
    }
    if (pid != 0)
        return;
    if (starts && policy_load(&policy, &v->settings, error) == 0)
        notice("FORCE_COMMAND", policy_ignores(&policy, error));
    if (starts)
        notice("PROXY_PROTOCOL",
               has_header(v) && !settings_given(&v->settings, SETTING_TRUSTED_PROXIES)
                   ? "is on without TRUSTED_PROXIES: nobody is believed, and nobody served"
                   : NULL);
    if (starts)
        notice("DOCKER_GROUP", runas_lacks(&v->settings, serve_environment()));
    protect_report(notice_finding, &starts);
    _exit(0);
}

/* ---- the start ---- */

/* For `bastion health`: a line for each listener, with its address and port, and a word where it
 * expects a header of the PROXY protocol. */
static void write_listener_list(const struct supervisor *v) {
    char text[LIMIT_LISTENERS * (LIMIT_PEER + 32)];
    struct buf b = BUF_ON(text);
    const char *address = v->address != NULL ? v->address : "127.0.0.1";
    for (size_t i = 0; i < v->listener_count; i++)
        buf_format(&b, "%s %s %u%s\n", v->listeners[i].channel, address, v->listeners[i].port,
                   v->listeners[i].has_header ? " proxy" : "");
    int directory =
        open(settings_text(&v->settings, SETTING_RUN_DIR), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory != -1)
        fd_put_file(directory, "listeners", b.at, b.len, 0644, false);
    fd_close(&directory);
}

static void log_ready(const struct supervisor *v) {
    char text[256];
    struct buf b = BUF_ON(text);
    struct audit a = AUDIT_EMPTY;
    for (size_t i = 0; i < v->listener_count; i++)
        if (v->listeners[i].fd != -1)
            buf_format(&b, "%s%s on port %u", b.len > 0 ? ", " : "", v->listeners[i].channel,
                       v->listeners[i].port);
    a.event = "ready";
    a.reason = b.len > 0 ? buf_string(&b) : "no port can be listened on yet";
    audit_write(&a);
}

static int prepare(struct supervisor *v) {
    enum rundir rundir;
    int code = read_settings(v);
    if (code == 0 && serve_prepare(environ) == -1)
        code = refuse_start("the environment is too large");
    if (code == 0)
        code = prepare_rundir(v, &rundir);
    char text[PREFLIGHT_TEXT];
    const char *error =
        code == 0 ? preflight_error(&v->settings, has_port(v, SETTING_SSH_PORT), text) : NULL;
    if (error != NULL)
        code = refuse_start(error);
    if (code == 0)
        code = check_rules();
    if (code != 0)
        return code;
    code = choose_listeners(v, rundir);
    if (code == 0)
        preflight_note(&v->settings);
    notice_findings(v, code == 0);
    return code;
}

/* The start has used more of the stack than anything after it: the kernel takes those pages back.
 * This must not be inlined, since its own frame has to be below all that is in use; it fits the
 * page that is kept. */
__attribute__((noinline)) static void give_back_stack(void) {
    enum { PAGE_SIZE = 4096, KEPT_SIZE = PAGE_SIZE, GIVEN_SIZE = 64 * PAGE_SIZE };
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) / PAGE_SIZE * PAGE_SIZE;
    madvise((void *)(here - KEPT_SIZE - GIVEN_SIZE), GIVEN_SIZE, MADV_DONTNEED);
}

int init_main(int argc, char **argv) {
    static struct supervisor v;
    struct ip ip;
    bool has_address = argc == 3 && strcmp(argv[1], "--address") == 0 && ip_read(&ip, argv[2]);
    if (argc > 1 && !has_address) {
        fputs("usage: bastion init [--address ADDRESS]\n", stderr);
        return 64;
    }
    if (fd_only_standard() == -1 || supervisor_prepare(&v) == -1)
        return 71;
    if (access("/proc/self/exe", F_OK) == -1)
        return refuse_start("/proc: is not mounted, and without it this program can neither start "
                            "itself nor see what it has started");
    /* Where this is not root, commands have its account, and must not read the credentials in its
     * memory. What a connection leaves behind becomes a child of this process. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    umask(022);
    v.address = has_address ? argv[2] : NULL;
    int code = prepare(&v);
    if (code != 0) {
        settings_export_remove();
        return code;
    }
    v.syslog_fd = syslog_open();
    if (v.syslog_fd != -1) {
        log_target.is_syslog = true;
        serve_own_syslog();
    }
    char *ruleset = runas_is_apart(&v.settings) ? apart_prepare() : NULL;
    if (ruleset != NULL)
        serve_ruleset(ruleset);
    v.environment = serve_environment();
    v.in_container = container_is_ours();
    for (size_t i = 0; i < v.listener_count; i++)
        listen_open(&v.listeners[i], v.address, clock_now());
    write_listener_list(&v);
    log_ready(&v);
    give_back_stack();
    supervisor_run(&v);
    settings_export_remove();
    return 0;
}
