#include "ssh/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/audit.h"
#include "ssh/hostkey.h"
#include "core/noted.h"
#include "core/protect.h"
#include "core/runas.h"

__attribute__((format(printf, 2, 3))) static const char *set_setup_error(struct setup *x,
                                                                         const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(x->error, sizeof x->error, format, args);
    va_end(args);
    return x->error;
}

/* ---- the account ---- */

static const char *find_account(struct setup *x, const struct settings *s) {
    const struct account *a = &x->account;
    const char *slash, *unfit;
    if (runas_find(&x->account, s, NULL, x->error) == -1)
        return x->error;
    if ((unfit = account_unfit(a)) != NULL)
        return set_setup_error(x, "SSH_USER: %s %s", a->name, unfit);
    if (geteuid() == 0 && runas_has_root_group(a, s)) /* in /etc/group, where tinysshd finds it */
        return set_setup_error(
            x,
            "SSH_USER: %s is in the group 0, root's, with which nothing runs: gpasswd -d %s root",
            a->name, a->name);
    if (a->shell[0] == '\0') /* a number without a line there, or a line without a shell */
        return set_setup_error(
            x, "SSH_USER: %s has no login shell in /etc/passwd; it must be bastion", a->name);
    slash = strrchr(a->shell, '/');
    if (slash == NULL || strcmp(slash, "/bastion") != 0)
        return set_setup_error(x, "SSH_USER: the login shell of %s is \"%s\"; it must be bastion",
                               a->name, a->shell);
    if (access(a->shell, X_OK) == -1)
        return set_setup_error(x, "SSH_USER: the login shell of %s, %s: %s", a->name, a->shell,
                               strerror(errno));
    return NULL;
}

/* The account's ~/.ssh, where tinysshd looks for keys. */
enum { DOT_SSH = LIMIT_HOME + 8 };
static void name_dot_ssh(char path[DOT_SSH], const struct account *a) {
    snprintf(path, DOT_SSH, "%s/.ssh", strcmp(a->home, "/") == 0 ? "" : a->home);
}

static const char *no_link_error(struct setup *x, const char *path) {
    return set_setup_error(x, "SSH_USER: %s must be a link to %s, and can't be made: %s", path,
                           SETUP_KEYS, strerror(errno));
}

static const char *other_home_error(struct setup *x, const char *path) {
    return set_setup_error(x,
                           "SSH_USER: %s is not a link to %s: an account of its own is needed here",
                           path, SETUP_KEYS);
}

/* Whether a path leads to SETUP_KEYS, by whatever links: /run may be one itself, as on OpenWrt. */
static bool leads_to_keys(const char *path) {
    struct stat it, keys;
    return stat(path, &it) == 0 && stat(SETUP_KEYS, &keys) == 0 && it.st_dev == keys.st_dev
           && it.st_ino == keys.st_ino;
}

/* ~/.ssh must lead to SETUP_KEYS. A missing one is made; one that leads elsewhere is somebody's
 * own. */
static const char *make_home(struct setup *x) {
    char path[DOT_SSH];
    struct stat st;
    name_dot_ssh(path, &x->account);
    if (stat(path, &st) == -1
        && (errno != ENOENT || (symlink(SETUP_KEYS, path) == -1 && errno != EEXIST)
            || stat(path, &st) == -1))
        return no_link_error(x, path);
    return leads_to_keys(path) ? NULL : other_home_error(x, path);
}

/* The same question where nothing may be made. SETUP_KEYS need not exist yet, so that the link
 * itself is read first. */
static const char *look_at_home(struct setup *x) {
    char path[DOT_SSH], target[LIMIT_PATH];
    name_dot_ssh(path, &x->account);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n == -1 && errno == ENOENT)
        return access(x->account.home, W_OK) == 0 ? NULL : no_link_error(x, path);
    target[n > 0 ? n : 0] = '\0';
    return strcmp(target, SETUP_KEYS) == 0 || leads_to_keys(path) ? NULL
                                                                  : other_home_error(x, path);
}

/* ---- other accounts ---- */

struct others {
    const struct account *ours;
    char *error; /* of SETUP_ERROR bytes */
};

static bool has_keys(const struct account *a, const void *context) {
    const struct others *others = context;
    char path[LIMIT_HOME + 32];
    struct stat st;
    snprintf(path, sizeof path, "%s/.ssh/authorized_keys", a->home);
    if (strcmp(a->name, others->ours->name) == 0
        || (lstat(path, &st) == -1 && (errno == ENOENT || errno == ENOTDIR)))
        return false;
    snprintf(others->error, SETUP_ERROR, "%s could log in by %s, and ptrace(2) is not allowed here",
             a->name, path);
    return true;
}

bool setup_check_others(const struct account *account, bool traced, char error[SETUP_ERROR]) {
    struct others others = {account, error};
    return geteuid() != 0 || traced || !account_any(has_keys, &others);
}

/* ---- the directories ---- */

static const char *const setup_directories[] = {"/", "/run", RUN_DIRECTORY, SETUP_KEYS};
enum { SETUP_DIRECTORIES = sizeof setup_directories / sizeof *setup_directories };

/* As sshd and tinysshd demand: whoever can write a directory above the keys can put other keys
 * there. */
static const char *check_directory(struct setup *x, const char *path) {
    struct stat st;
    if (stat(path, &st) == -1)
        return set_setup_error(x, "%s: %s", path, strerror(errno));
    if (run_directory_judge(&st) != RUN_DIRECTORY_FIT)
        return set_setup_error(
            x, "%s: must be a directory that root owns and nobody else can write", path);
    return NULL;
}

static const char *make_directories(struct setup *x) {
    run_directory_make_parent();
    for (size_t i = 0; i < SETUP_DIRECTORIES; i++) {
        mkdir(setup_directories[i], 0755);
        const char *error = check_directory(x, setup_directories[i]);
        if (error != NULL)
            return error;
    }
    /* Where this process is not root, they belong to the account that commands run as. */
    char refusal[LIMIT_ERROR];
    const char *refused = protect_refuses(SETUP_KEYS, PROTECT_KEY, refusal);
    return refused != NULL ? set_setup_error(x, SETUP_KEYS ": %s", refused) : NULL;
}

static const char *look_at_directories(struct setup *x) {
    struct stat st;
    for (size_t i = 0; i < SETUP_DIRECTORIES; i++) {
        const char *path = setup_directories[i];
        if (i > 0 && stat(path, &st) == -1 && errno == ENOENT)
            return access(setup_directories[i - 1], W_OK) == 0
                       ? NULL
                       : set_setup_error(x, "%s: is missing, and can't be made: %s", path,
                                         strerror(errno));
        const char *error = check_directory(x, path);
        if (error != NULL)
            return error;
    }
    return NULL;
}

/* ---- the keys ---- */

/* What is found before there is a client is no error of a connection. */
static void log_unusable(const char *peer, const char *text) {
    if (peer == NULL)
        audit_notice("ssh", text);
    else
        audit_error("ssh", peer, text);
}

/* Makes the link that leads each tinysshd to its own list. */
static int link_key_list(int directory) {
    static const char name[] = "authorized_keys", beside[] = "authorized_keys.new";
    char target[sizeof SETUP_KEY_LIST + 1];
    ssize_t n = readlinkat(directory, name, target, sizeof target);
    if (slice_is((struct slice){target, n > 0 ? (size_t)n : 0}, SETUP_KEY_LIST))
        return 0;
    /* Several may do so at once: whatever is there then is the same. */
    if (symlinkat(SETUP_KEY_LIST, directory, beside) == -1 && errno != EEXIST)
        return -1;
    return renameat(directory, beside, directory, name) == 0 || errno == ENOENT ? 0 : -1;
}

static const char *prepare_keys(struct setup *x, const struct settings *s, const char *peer) {
    int directory = fd_open(SETUP_KEYS, O_RDONLY | O_DIRECTORY);
    if (directory == -1)
        return set_setup_error(x, "%s: %s", SETUP_KEYS, strerror(errno));
    x->keys.remembered = true;
    authorized_keys_read(&x->keys, s);
    noted_log(directory, "unusable", &x->keys.errors, "ssh", peer);
    int linked = link_key_list(directory);
    close(directory);
    if (linked == -1)
        return set_setup_error(x, "%s/authorized_keys: %s", SETUP_KEYS, strerror(errno));
    if (peer == NULL)
        return NULL;
    authorized_keys_judge(&x->keys, peer, time(NULL));
    x->key_list = authorized_keys_open(&x->keys);
    return x->key_list == -1 ? set_setup_error(x, "the list of keys: %s", strerror(errno)) : NULL;
}

/* ---- tinysshd ---- */

/* Where `make install` puts it, or beside this executable, as in the container and in the build
 * directory. */
static const char *find_tinysshd(struct setup *x) {
    static const char *const places[] = {"../lib/bastion/tinysshd", "tinysshd"};
    char here[LIMIT_PATH / 2];
    ssize_t n = readlink("/proc/self/exe", here, sizeof here);
    if (n <= 0 || (size_t)n == sizeof here)
        return set_setup_error(x, "/proc/self/exe: cannot be read, so that tinysshd is not found");
    while (n > 0 && here[n - 1] != '/')
        n--;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(x->program, sizeof x->program, "%.*s%s", (int)n, here, places[i]);
        if (access(x->program, X_OK) == 0)
            return NULL;
    }
    return set_setup_error(x,
                           "tinysshd: not found as %.*s../lib/bastion/tinysshd nor as %.*stinysshd",
                           (int)n, here, (int)n, here);
}

/* ---- the whole of it ---- */

void setup_look(const struct settings *s, bool makes_account, bool makes_directories,
                void (*report)(void *context, const char *error), void *context) {
    static struct setup x; /* large */
    const char *error;
    if (!makes_account
        && ((error = find_account(&x, s)) != NULL || (error = look_at_home(&x)) != NULL))
        report(context, error);
    if (!makes_directories && (error = look_at_directories(&x)) != NULL)
        report(context, error);
    if ((error = find_tinysshd(&x)) != NULL)
        report(context, error);
}

const char *setup_find(struct setup *x, const struct settings *s) {
    const char *error = find_account(x, s);
    x->key_list = -1;
    return error != NULL ? error : find_tinysshd(x);
}

const char *setup_prepare(struct setup *x, const struct settings *s, const char *peer) {
    const char *error;
    char warning[HOSTKEY_ERROR], host_key_error[HOSTKEY_ERROR];
    if ((error = make_directories(x)) != NULL || (error = make_home(x)) != NULL
        || (error = prepare_keys(x, s, peer)) != NULL)
        return error;
    if (hostkey_prepare(settings_text(s, SETTING_SSH_KEYS), SETUP_HOST_KEY, x->program, warning,
                        host_key_error)
        == -1)
        return set_setup_error(x, "%s", host_key_error);
    if (warning[0] != '\0')
        log_unusable(peer, warning);
    return NULL;
}
