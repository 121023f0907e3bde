#include "ssh/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/audit.h"
#include "ssh/hostkey.h"
#include "core/lock.h"
#include "core/protect.h"
#include "core/replaced_mount.h"
#include "core/runas.h"

static char error_text[2 * LIMIT_PATH];

__attribute__((format(printf, 1, 2))) static const char *set_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
    return error_text;
}

/* ---- the account ---- */

static const char *find_account(struct account *a, const struct settings *s) {
    const char *slash, *unfit = runas_find(a, s, NULL);
    if (unfit != NULL)
        return unfit;
    if ((unfit = account_unfit(a)) != NULL)
        return set_error("SSH_USER: %s %s", a->name, unfit);
    if (geteuid() == 0 && runas_has_root_group(a, s)) /* of /etc/group, where tinysshd finds it */
        return set_error(
            "SSH_USER: %s is in the group 0, root's, with which nothing runs: gpasswd -d %s root",
            a->name, a->name);
    slash = strrchr(a->shell, '/');
    if (slash == NULL || strcmp(slash, "/bastion") != 0)
        return set_error("SSH_USER: the login shell of %s is \"%s\"; it must be bastion", a->name,
                         a->shell);
    if (access(a->shell, X_OK) == -1)
        return set_error("SSH_USER: the login shell of %s, %s: %s", a->name, a->shell,
                         strerror(errno));
    return NULL;
}

/* The account's ~/.ssh, where tinysshd looks, must lead to SETUP_KEYS. One that is missing is made;
 * one that is something else belongs to somebody. */
static const char *check_home(const struct account *a) {
    char path[LIMIT_HOME + 8], real[LIMIT_PATH];
    snprintf(path, sizeof path, "%s/.ssh", strcmp(a->home, "/") == 0 ? "" : a->home);
    if (realpath(path, real) == NULL
        && (errno != ENOENT || (symlink(SETUP_KEYS, path) == -1 && errno != EEXIST)
            || realpath(path, real) == NULL))
        return set_error("SSH_USER: %s must be a link to %s, and can't be made: %s", path,
                         SETUP_KEYS, strerror(errno));
    if (strcmp(real, SETUP_KEYS) != 0)
        return set_error("SSH_USER: %s is not a link to %s: an account of its own is needed here",
                         path, SETUP_KEYS);
    return NULL;
}

/* The same question where nothing may be made. */
static const char *look_at_home(const struct account *a) {
    char path[LIMIT_HOME + 8], real[LIMIT_PATH];
    const char *home = strcmp(a->home, "/") == 0 ? "" : a->home;
    snprintf(path, sizeof path, "%s/.ssh", home);
    ssize_t n = readlink(path, real, sizeof real - 1);
    if (n == -1 && errno == ENOENT) {
        if (access(a->home, W_OK) == 0)
            return NULL;
        return set_error("SSH_USER: %s must be a link to %s, and can't be made: %s", path,
                         SETUP_KEYS, strerror(errno));
    }
    real[n > 0 ? n : 0] = '\0';
    if (strcmp(real, SETUP_KEYS) == 0
        || (realpath(path, real) != NULL && strcmp(real, SETUP_KEYS) == 0))
        return NULL;
    return set_error("SSH_USER: %s is not a link to %s: an account of its own is needed here", path,
                     SETUP_KEYS);
}

static bool has_keys(const struct account *a, const void *context) {
    const struct account *ours = context;
    char path[LIMIT_HOME + 32];
    struct stat st;
    snprintf(path, sizeof path, "%s/.ssh/authorized_keys", a->home);
    if (strcmp(a->name, ours->name) == 0
        || (stat(path, &st) == -1 && (errno == ENOENT || errno == ENOTDIR)))
        return false;
    set_error("%s could log in by %s, and ptrace(2) is not allowed here", a->name, path);
    return true;
}

const char *setup_check_others(const struct account *account, bool traced) {
    return geteuid() == 0 && !traced && account_any(has_keys, account) ? error_text : NULL;
}

/* ---- the directories ---- */

/* sshd's rule (and tinysshd's): who can write to a directory above the keys can put other keys
 * there. */
static const char *check_directory(const char *path) {
    struct stat st;
    if (stat(path, &st) == -1)
        return set_error("%s: %s", path, strerror(errno));
    if (run_directory_judge(&st) != RUN_DIRECTORY_FIT)
        return set_error("%s: must be a directory that root owns and nobody else can write", path);
    return NULL;
}

static const char *const directories[] = {"/", "/run", RUN_DIRECTORY, SETUP_KEYS};

static const char *make_directories(void) {
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        mkdir(directories[i], 0755);
        const char *wrong = check_directory(directories[i]);
        if (wrong != NULL)
            return wrong;
    }
    /* Where this is not root, they are the account's that commands run as. */
    const char *wrong = protect_refuses(SETUP_KEYS, PROTECT_KEY);
    return wrong != NULL ? set_error(SETUP_KEYS ": %s", wrong) : NULL;
}

/* ---- the keys ---- */

static bool has_line(struct slice text, struct slice line) {
    while (text.n > 0) {
        struct slice other = slice_take_line(&text);
        if (other.n == line.n && memcmp(other.at, line.at, line.n) == 0)
            return true;
    }
    return false;
}

/* What is found before anybody is there is no error of a client's connection. */
static void note(const char *peer, const char *text) {
    if (peer == NULL)
        audit_notice("ssh", text);
    else
        audit_error("ssh", peer, text);
}

/* Notes what is unusable, unless an earlier connection has: the file `unusable` says which were. */
static void note_errors(int directory, const struct authorized_keys *k, const char *peer) {
    static char known[LIMIT_KEY_ERRORS];
    int fd = openat(directory, "unusable", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd == -1 ? 0 : fd_read_file(fd, known, sizeof known);
    fd_close(&fd);
    struct slice before = {known, n > 0 ? (size_t)n : 0};
    if (before.n == k->errors.len && memcmp(known, k->errors.at, before.n) == 0)
        return;
    struct slice rest = {k->errors.at, k->errors.len};
    while (rest.n > 0) {
        struct slice line = slice_take_line(&rest);
        char text[LIMIT_PATH + 256];
        snprintf(text, sizeof text, "%.*s", (int)line.n, line.at);
        if (!has_line(before, line))
            note(peer, text);
    }
    fd_put_file(directory, "unusable", k->errors.at, k->errors.len, 0600, false);
}

static const char *bring_keys(const struct settings *s, struct authorized_keys *k,
                              const char *peer) {
    int directory = open(SETUP_KEYS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory == -1)
        return set_error("%s: %s", SETUP_KEYS, strerror(errno));
    authorized_keys_read(k, s);
    note_errors(directory, k, peer);
    const char *wrong = authorized_keys_write(k, directory) == -1
                            ? set_error("%s/authorized_keys: %s", SETUP_KEYS, strerror(errno))
                            : NULL;
    close(directory);
    return wrong;
}

/* ---- tinysshd ---- */

/* Where `make install` puts it, or beside this executable, as in the container and in the build
 * directory. */
static const char *find_tinysshd(char program[LIMIT_PATH]) {
    static const char *const places[] = {"../lib/bastion/tinysshd", "tinysshd"};
    char here[LIMIT_PATH / 2];
    ssize_t n = readlink("/proc/self/exe", here, sizeof here);
    if (n <= 0 || (size_t)n == sizeof here)
        return set_error("/proc/self/exe: cannot be read, so that tinysshd is not found");
    while (n > 0 && here[n - 1] != '/')
        n--;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(program, LIMIT_PATH, "%.*s%s", (int)n, here, places[i]);
        if (access(program, X_OK) == 0)
            return NULL;
    }
    return set_error("tinysshd: not found as %.*s../lib/bastion/tinysshd nor as %.*stinysshd",
                     (int)n, here, (int)n, here);
}

/* ---- the whole of it ---- */

static const char *look_at_directories(void) {
    struct stat st;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        if (stat(directories[i], &st) == -1 && errno == ENOENT)
            return access(directories[i - 1], W_OK) == 0
                       ? NULL
                       : set_error("%s: is missing, and can't be made: %s", directories[i],
                                   strerror(errno));
        const char *wrong = check_directory(directories[i]);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

void setup_look(const struct settings *s, bool makes_account, bool makes_directories,
                void (*say)(const char *error)) {
    static struct account account; /* large */
    char program[LIMIT_PATH];
    const char *wrong;
    if (!makes_account && (wrong = find_account(&account, s)) != NULL)
        say(wrong);
    else if (!makes_account && (wrong = look_at_home(&account)) != NULL)
        say(wrong);
    if (!makes_directories && (wrong = look_at_directories()) != NULL)
        say(wrong);
    if ((wrong = find_tinysshd(program)) != NULL)
        say(wrong);
}

const char *setup_prepare(const struct settings *s, struct account *account,
                          struct authorized_keys *keys, struct lock *lock, const char *peer,
                          char program[LIMIT_PATH]) {
    const char *wrong, *warning;
    umask(022);
    if ((wrong = find_account(account, s)) != NULL || (wrong = make_directories()) != NULL
        || (wrong = check_home(account)) != NULL || (wrong = find_tinysshd(program)) != NULL)
        return wrong;
    if ((wrong = bring_keys(s, keys, peer)) != NULL
        || hostkey_prepare(settings_text(s, SETTING_SSH_KEYS), SETUP_HOST_KEY, program, &warning,
                           &wrong)
               == -1)
        return wrong;
    if (warning != NULL)
        note(peer, warning);
    /* The login shell can't make it, in a directory that is root's. */
    lock_prepare(lock, RUN_DIRECTORY, account->gid);
    lock_leave(lock);
    /* nor has it a place to remember them */
    replaced_mount_note(s, true, lock->directory, "ssh", peer);
    fd_close(&lock->directory);
    return NULL;
}
