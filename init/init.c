#include "init.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
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
#include "accounts.h"
#include "apart.h"
#include "rundir.h"
#include "supervisor.h"
#include "serve.h"
#include "services.h"
#include "preflight.h"
#include "spawn.h"
#include "syslog.h"

extern char **environ;

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

/* ---- the run directory ---- */

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
               services_have_header(v) && !settings_given(&v->settings, SETTING_TRUSTED_PROXIES)
                   ? "is on without TRUSTED_PROXIES: nobody is believed, and nobody served"
                   : NULL);
    if (starts)
        notice("DOCKER_GROUP", runas_lacks(&v->settings, serve_environment()));
    protect_report(notice_finding, &starts);
    _exit(0);
}

/* ---- the start ---- */

static int prepare(struct supervisor *v) {
    enum rundir rundir;
    int code = read_settings(v);
    if (code == 0 && serve_prepare(environ) == -1)
        code = refuse_start("the environment is too large");
    if (code == 0)
        code = prepare_rundir(v, &rundir);
    char text[PREFLIGHT_TEXT];
    const char *error =
        code == 0 ? preflight_error(&v->settings,
                                    settings_number(&v->settings, SETTING_SSH_PORT) != 0, text)
                  : NULL;
    if (error != NULL)
        code = refuse_start(error);
    if (code == 0)
        code = check_rules();
    if (code != 0)
        return code;
    code = services_choose(v, rundir);
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
    services_open(&v);
    give_back_stack();
    supervisor_run(&v);
    settings_export_remove();
    return 0;
}
