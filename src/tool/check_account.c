#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/run_directory.h"
#include "ssh/setup.h"
#include "tool/check_parts.h"
#include "tool/report.h"

#define SHELLS "/etc/shells"

static bool is_bastion(const char *shell) {
    const char *slash = strrchr(shell, '/');
    return slash != NULL && strcmp(slash, "/bastion") == 0;
}

/* ---- the login shell ---- */

/* Whether shells(5) names the login shell. Where there is no such file, nothing asks for it. */
static bool is_in_shells(const char *shell) {
    static char text[LIMIT_ACCOUNT_LINE];
    int fd = open(SHELLS, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : fd_read_file(fd, text, sizeof text - 1);
    fd_close(&fd);
    if (n == -1)
        return true;
    text[n] = '\0';
    size_t length = strlen(shell);
    for (const char *at = text; (at = strstr(at, shell)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
            return true;
    return false;
}

static void check_shell(const struct subject *x) {
    const struct account *a = &x->account;
    struct stat st;
    if (!is_bastion(a->shell))
        return;
    if (stat(a->shell, &st) == 0 && (st.st_mode & S_IROTH) != 0)
        report_warning("SSH_USER",
                       "the login shell of %s, %s, can be read by it, so that a command may take "
                       "over the next login's: chmod 711 %s",
                       a->name, a->shell, a->shell);
    if (x->files && !is_in_shells(a->shell))
        report_warning("SSH_USER",
                       "the login shell of %s, %s, is not in " SHELLS
                       ": dropbear, and sshd with pam_shells, let nobody in: echo %s >>" SHELLS,
                       a->name, a->shell, a->shell);
}

/* ---- the account ---- */

void check_account(const struct subject *x) {
    char source[SETTINGS_SOURCE];
    const char *name = settings_text(x->settings, SETTING_SSH_USER),
               *from = settings_source(x->settings, SETTING_SSH_USER, source), *unfit;
    if (x->unusable[SETTING_SSH_USER])
        return;
    if (x->container && access("/etc/passwd", F_OK) == -1) {
        if (strcmp(name, "root") == 0)
            report_error("SSH_USER", "must not be root, as whom nothing runs (%s)", from);
        return; /* bastion init makes the account */
    }
    if (x->root && !x->has_account)
        report_error("SSH_USER",
                     "there is no account %s here, as whom commands would run: make it, or name "
                     "another (%s)",
                     name, from);
    else if ((unfit = account_unfit(&x->account)) != NULL)
        report_error("SSH_USER", "%s %s: choose another account (%s)", x->account.name, unfit,
                     from);
    else if (x->root)
        check_shell(x);
    if (!x->root)
        report_unseen("SSH_USER",
                      "started by this account, %s, commands run as it; check as root says what "
                      "happens where root starts bastion",
                      x->account.name);
}

/* ---- RUN_DIR ---- */

/* What about the run directory keeps a command from running, or NULL. */
static const char *run_dir_defect(const char *path) {
    struct stat st;
    if (stat(path, &st) == -1)
        return strerror(errno);
    switch (run_directory_judge(&st)) {
    case RUN_DIRECTORY_NONE: return "not a directory";
    case RUN_DIRECTORY_OTHERS: return "belongs to another account than root: chown root";
    case RUN_DIRECTORY_WRITABLE: return "others than its owner can write there: chmod go-w";
    case RUN_DIRECTORY_FIT: break;
    }
    char lock[LIMIT_PATH + 8];
    snprintf(lock, sizeof lock, "%s/lock", path);
    if (access(lock, F_OK) == -1 && access(path, W_OK) == -1)
        return errno == EROFS
                   ? "read-only, so that there can be no lock: mount memory there (--tmpfs /run)"
                   : "this account can't make the lock there";
    return access(lock, F_OK) == 0 && access(lock, R_OK) == -1
               ? "this account can't read the lock there"
               : NULL;
}

static void check_run_dir(const struct subject *x) {
    if (x->unusable[SETTING_RUN_DIR])
        return; /* and nobody meant the default */
    char source[SETTINGS_SOURCE];
    const struct settings *s = x->settings;
    const char *path = settings_text(s, SETTING_RUN_DIR),
               *from = settings_source(s, SETTING_RUN_DIR, source), *wrong = run_dir_defect(path);
    struct stat st;
    bool missing = wrong != NULL && lstat(path, &st) == -1 && errno == ENOENT;
    if (wrong == NULL)
        return;
    if (x->container && missing && access("/run", W_OK) == 0)
        return; /* bastion init makes it, and the default one fit */
    const char *remedy =
        missing ? ": make it (mkdir -p; bastion init and a unit's RuntimeDirectory= do)" : "";
    if (policy_lock(x->policy, s) == LOCK_MODE_OFF)
        report_warning("RUN_DIR",
                       "%s: %s%s; nothing but TLS sessions needs it with COMMAND_LOCK=off (%s)",
                       path, wrong, remedy, from);
    else
        report_error("RUN_DIR", "%s: %s%s (%s)", path, wrong, remedy, from);
}

/* ---- what a login finds ---- */

/* Whether this process may trace (ptrace(2)) what tinysshd starts, as bastion ssh does: it is tried
 * with a child that only waits. */
static bool may_trace(void) {
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    if (pid == -1)
        return true;
    bool may = ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return may;
}

/* In the container an account that is not root needs a /run of its own, which is said with the
 * error. */
static void report_setup_error(void *context, const char *error) {
    const bool *container = context;
    char line[2 * LIMIT_PATH];
    bool run = *container && strncmp(error, "/run", 4) == 0;
    snprintf(line, sizeof line, "%s%s", error,
             run ? "; with --user: --tmpfs /run:uid=1000,gid=1000,mode=755, or SSH_PORT=off" : "");
    report_error_line(line);
}

void check_directories(const struct subject *x) {
    check_run_dir(x);
    if (x->files || !x->ssh)
        return;
    if (!x->root && !x->container) {
        report_unseen("SSH", "bastion ssh is started as root: only root can look at what it finds");
        return;
    }
    bool root_in_container = x->container && x->root,
         no_accounts = x->container && access("/etc/passwd", F_OK) == -1;
    bool container = x->container;
    setup_look(x->settings, root_in_container || no_accounts, root_in_container, report_setup_error,
               &container);
    char error[SETUP_ERROR];
    if (x->root && x->has_account && !may_trace() && !setup_check_others(&x->account, false, error))
        report_error_line(error);
}
