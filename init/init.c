#include "init.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
#include "base/log.h"
#include "base/run_directory.h"
#include "core/audit.h"
#include "core/policy.h"
#include "core/protect.h"
#include "core/runas.h"
#include "core/settings_export.h"
#include "accounts.h"
#include "rundir.h"
#include "supervisor.h"
#include "serve.h"
#include "preflight.h"
#include "spawn.h"
#include "syslog.h"

extern char **environ;

/* Fixed bytes: nothing of the request is looked at. */
static const char busy_http[] =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nCache-Control: "
    "no-store\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\nToo many connections.\n";

static int fail(const char *reason) { return log_no_start("init", reason); }

/* ---- the settings ---- */

/* What it finds wrong is one line of the log, as `check` has it. */
static int read_settings(struct supervisor *h) {
    struct settings_places places = {environ, settings_directories};
    if (settings_read(&h->settings, &places, NEED_ALL) == -1)
        return fail(h->settings.error);
    audit_use(&h->settings, true);
    if (strcmp(settings_text(&h->settings, SETTING_SSH_USER), "root") == 0)
        return fail("SSH_USER: must not be root, as whom nothing runs");
    if (settings_number(&h->settings, SETTING_SSH_UID) == ACCOUNT_TLS)
        return fail("SSH_UID: 65527 is the number that processes with a TLS key have");
    h->limits.all = settings_number(&h->settings, SETTING_MAX_CONNECTIONS);
    h->limits.per_address = settings_number(&h->settings, SETTING_MAX_CONNECTIONS_PER_ADDRESS);
    return 0;
}

/* What takes a parser to judge is judged by another process. */
static int check_rules(void) {
    static const char *const argv[] = {"bastion", "check", "--brief", NULL};
    return spawn_and_wait(argv, serve_environment());
}

/* ---- the rundir ---- */

static bool has_either(const struct supervisor *h, enum setting one, enum setting other) {
    return settings_given(&h->settings, one) || settings_given(&h->settings, other);
}
static bool is_on(const struct supervisor *h, enum setting port) {
    return settings_number(&h->settings, port) != 0;
}
static bool has_credential(const struct supervisor *h) {
    return has_either(h, SETTING_HTTP_BASIC_AUTH, SETTING_HTTP_TOKEN);
}
static bool has_http(const struct supervisor *h) {
    return has_credential(h) && is_on(h, SETTING_HTTP_PORT);
}
static bool has_https(const struct supervisor *h) {
    return has_credential(h) && has_either(h, SETTING_TLS_CERT, SETTING_TLS)
           && is_on(h, SETTING_HTTPS_PORT);
}

static int prepare_rundir(struct supervisor *h, enum rundir *rundir) {
    static char text[256];
    const char *error = NULL;
    *rundir = rundir_prepare(&error);
    if (*rundir == RUNDIR_UNSAFE)
        return fail(error);
    const char *run_dir = settings_text(&h->settings, SETTING_RUN_DIR);
    mkdir(run_dir, 0755); /* what is wrong with it, a run says */
    if (*rundir == RUNDIR_OTHERS
        && (strcmp(run_dir, RUN_DIRECTORY) == 0 || (geteuid() == 0 && container_is_ours())))
        return fail(RUN_DIRECTORY
                    ": can't be made, or is another account's: mount memory at /run itself "
                    "(--tmpfs /run, an emptyDir), where "
                    "bastion makes it its own, or set RUN_DIR");
    if (*rundir == RUNDIR_OTHERS)
        return 0;
    int written = settings_export_write(&h->settings);
    bool failed = written == -1
                  || (container_is_ours()
                      && accounts_write(&h->accounts, &h->settings, serve_environment()) == -1);
    snprintf(text, sizeof text, RUN_DIRECTORY ": %s", strerror(errno));
    if (written == 0 && geteuid() == 0)
        audit_notice(NULL,
                     SETTINGS_EXPORT ": another bastion init that is running has its settings "
                                     "there: cgi and login shells of other sshds go by those");
    return failed ? fail(text) : 0;
}

/* ---- what is served ---- */

static void add(struct supervisor *h, const char *channel, const char *const *argv,
                const char *refusal, enum setting port) {
    h->listeners[h->listener_count++] =
        (struct listener){.channel = channel,
                          .argv = argv,
                          .refusal = refusal,
                          .port = (unsigned)settings_number(&h->settings, port),
                          .fd = -1};
}

/* Over SSH everybody becomes SSH_USER, for which it takes root, or is that account already. On a
 * host that account may not be made for it, and then there is HTTP; in the container, where it is,
 * a root that can't serve SSH has an error to mend. Returns whether SSH is to be served, or -1 for
 * that error, which has its line in the log. */
static int prepare_ssh(enum rundir rundir) {
    static const char *const argv[] = {"bastion", "ssh", "--prepare", NULL};
    const char *bar = container_is_ours() ? preflight_bars_ssh() : NULL;
    bool can = bar == NULL && rundir == RUNDIR_OURS && (geteuid() == 0 || container_is_ours());
    if (can && spawn_and_wait(argv, serve_environment()) == 0)
        return 1;
    if (geteuid() == 0 && container_is_ours())
        return -1;
    audit_notice("ssh", bar != NULL ? bar
                                    : "SSH is not served, only HTTP: it takes root, and an account "
                                      "whose login shell is bastion");
    return 0;
}

/* TLS=self-signed: beside the host's key, and kept as long. For the names that a client in the same
 * container and one outside may use. */
static int prepare_certificate(const struct supervisor *h) {
    char host[256] = "";
    const char *argv[] = {
        "bastion",   "cert", "--keep", settings_text(&h->settings, SETTING_SSH_KEYS),
        "localhost", host,   NULL};
    if (!settings_given(&h->settings, SETTING_TLS))
        return 0;
    gethostname(host, sizeof host - 1);
    int code = spawn_and_wait(argv, serve_environment());
    if (code != 64)
        return code;
    argv[5] = NULL; /* a container may have a name that no certificate can */
    return spawn_and_wait(argv, serve_environment());
}

static void warn_of_loss(const struct supervisor *h) {
    char text[LIMIT_PATH + 128];
    const char *keys = settings_text(&h->settings, SETTING_SSH_KEYS);
    snprintf(text, sizeof text,
             "SSH_KEYS: %s is on no volume: the host's key goes when this container goes", keys);
    if (container_is_ours() && !rundir_is_volume(keys))
        audit_notice("ssh", text);
}

static int choose_listeners(struct supervisor *h, enum rundir rundir) {
    static const char *const http[] = {"bastion", "http", NULL}, *const ssh[] = {"bastion", "ssh",
                                                                                 NULL};
    static const char *https[] = {"bastion", "tls", NULL, "http", NULL};
    https[2] = spawn_path();
    if (has_http(h))
        add(h, "http", http, busy_http, SETTING_HTTP_PORT);
    if (has_https(h)) {
        if (prepare_certificate(h) != 0) /* it has said why */
            return 78;
        add(h, "https", https, NULL, SETTING_HTTPS_PORT);
    }
    int has_ssh = is_on(h, SETTING_SSH_PORT) ? prepare_ssh(rundir) : 0;
    if (has_ssh == 1) {
        add(h, "ssh", ssh, NULL, SETTING_SSH_PORT);
        warn_of_loss(h);
    }
    if (has_ssh == -1)
        return 78;
    if (h->listener_count > 0)
        return 0;
    return fail(
        has_credential(h)
            ? "HTTP_PORT, HTTPS_PORT, SSH_PORT: no port is on that can be served, so that there is "
              "nothing to do"
            : "HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set, so that there is nothing to serve");
}

/* ---- what is said at the start ---- */

static void say(const char *name, const char *text) {
    char line[3 * LIMIT_PATH];
    if (text == NULL)
        return;
    snprintf(line, sizeof line, "%s: %s", name, text);
    audit_notice(NULL, line);
}

static void say_finding(void *context, enum protect_finding finding, const char *path,
                        const char *text) {
    const bool *starts = context;
    if (finding == PROTECT_REFUSED
        || (*starts && finding != PROTECT_CLOSED && finding != PROTECT_SHARED))
        say(path, text);
}

/* What the administrator may not have meant, though it keeps nobody from being served; where
 * nothing is (`starts` is false), what does not count, which may be the cause: people mend all of
 * it at once, then. By a process of its own, since this one would have the memory for it to its
 * end. */
static void say_findings(const struct supervisor *h, bool starts) {
    static struct policy policy;
    const char *error;
    pid_t pid = fork();
    while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
    }
    if (pid != 0)
        return;
    if (starts && policy_load(&policy, &h->settings, &error) == 0)
        say("FORCE_COMMAND", policy_ignores(&policy));
    if (starts)
        say("DOCKER_GROUP", runas_lacks(&h->settings, serve_environment()));
    protect_report(say_finding, &starts);
    _exit(0);
}

/* ---- the start ---- */

/* For `bastion health`: a line for each listener, with where it is to be found. */
static void tell_health(const struct supervisor *h) {
    char text[LIMIT_LISTENERS * (LIMIT_PEER + 32)];
    struct buf b = BUF_ON(text);
    const char *address = h->address != NULL ? h->address : "127.0.0.1";
    for (size_t i = 0; i < h->listener_count; i++)
        buf_format(&b, "%s %s %u\n", h->listeners[i].channel, address, h->listeners[i].port);
    int directory =
        open(settings_text(&h->settings, SETTING_RUN_DIR), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory != -1)
        fd_put_file(directory, "listeners", b.at, b.len, 0644, false);
    fd_close(&directory);
}

static void announce(const struct supervisor *h) {
    char text[256];
    struct buf b = BUF_ON(text);
    struct audit a = AUDIT_EMPTY;
    for (size_t i = 0; i < h->listener_count; i++)
        if (h->listeners[i].fd != -1)
            buf_format(&b, "%s%s on port %u", b.len > 0 ? ", " : "", h->listeners[i].channel,
                       h->listeners[i].port);
    a.event = "ready";
    a.reason = b.len > 0 ? buf_string(&b) : "no port can be listened on yet";
    audit_write(&a);
}

static bool is_address(const char *text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static int start(struct supervisor *h) {
    enum rundir rundir;
    int code = read_settings(h);
    if (code == 0 && serve_prepare(environ) == -1)
        code = fail("the environment is too large");
    if (code == 0)
        code = prepare_rundir(h, &rundir);
    const char *error =
        code == 0 ? preflight_error(&h->settings, is_on(h, SETTING_SSH_PORT)) : NULL;
    if (error != NULL)
        code = fail(error);
    if (code == 0)
        code = check_rules();
    if (code != 0)
        return code;
    code = choose_listeners(h, rundir);
    if (code == 0)
        preflight_note(&h->settings);
    say_findings(h, code == 0);
    return code;
}

/* What the start has used of the stack is not needed again. Not inlined: its own frame has to be
 * below all that is in use, and needs no more than the page that is kept. */
__attribute__((noinline)) static void give_back_stack(void) {
    enum { PAGE = 4096, KEPT = PAGE, GIVEN = 64 * PAGE };
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) / PAGE * PAGE;
    madvise((void *)(here - KEPT - GIVEN), GIVEN, MADV_DONTNEED);
}

int init_main(int argc, char **argv) {
    static struct supervisor h;
    bool has_address = argc == 3 && strcmp(argv[1], "--address") == 0 && is_address(argv[2]);
    if (argc > 1 && !has_address) {
        fputs("usage: bastion init [--address ADDRESS]\n", stderr);
        return 64;
    }
    if (fd_only_standard() == -1 || supervisor_block_signals(&h) == -1)
        return 71;
    /* Commands of the same account (where this is not root) must not read the credentials here;
     * what a connection leaves behind comes to us. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    umask(022);
    h.address = has_address ? argv[2] : NULL;
    int code = start(&h);
    if (code != 0) {
        settings_export_remove();
        return code;
    }
    h.log = syslog_open();
    if (h.log != -1) {
        log_own_syslog();
        serve_own_syslog();
    }
    h.environment = serve_environment();
    h.in_container = container_is_ours();
    for (size_t i = 0; i < h.listener_count; i++)
        listen_open(&h.listeners[i], h.address, clock_now());
    tell_health(&h);
    announce(&h);
    give_back_stack();
    supervisor_run(&h);
    settings_export_remove();
    return 0;
}
