#include "core/protect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/landlock.h"
#include "base/run_directory.h"
#include "base/small_file.h"
#include "base/writers.h"
#include "core/policy.h"
#include "core/replaced_mount.h"
#include "core/roles.h"
#include "core/runas.h"
#include "core/settings.h"
#include "core/tokens.h"

/* What judges is one for a process, and not handed from call to call: files are judged while the
 * settings themselves are read, and by parts that know of no settings. What does not count must not
 * depend on who asks. */
static const struct settings *settings;
static char *const *environment;

/* Who runs commands: SSH_USER, and whom roles name. They are looked up where somebody but root can
 * write, which is seldom. */
static struct account accounts[LIMIT_COMMAND_ACCOUNTS];
static size_t account_count; /* 0: they were not looked up yet */
static bool more_accounts;   /* than there is room for: then anybody may be one */

/* The directories that were last found to be root's alone, so that what stands in them takes one
 * look each. */
static struct known {
    char path[LIMIT_PATH]; /* or empty */
    bool missing;
    unsigned used; /* the greater, the later */
} known[4];
static unsigned uses;

static void forget_directories(void) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        known[i].path[0] = '\0';
}

void protect_use(const struct settings *s, char *const *given) {
    settings = s;
    environment = given;
    account_count = 0;
    forget_directories();
}

static void add_account(const struct account *a) {
    for (size_t i = 0; i < account_count; i++)
        if (accounts[i].uid == a->uid && accounts[i].gid == a->gid)
            return;
    more_accounts = more_accounts || account_count == LIMIT_COMMAND_ACCOUNTS;
    if (!more_accounts)
        accounts[account_count++] = *a;
}

/* Adds whom a role's commands run as, where it says so. Who has the group of the Docker socket is
 * not looked at here: it counts as everybody's. */
static void add_account_of(const char *role) {
    static struct account a;
    char path[LIMIT_PATH], name[LIMIT_USER];
    size_t n;
    struct stat st;
    gid_t group;
    const char *directory = settings_text(settings, SETTING_ROLES_DIR);
    if (roles_path(path, directory, role, settings_name(SETTING_RUN_AS)) == NULL)
        return;
    int fd = small_file_open(AT_FDCWD, path);
    const char *wrong = fd == -1 ? "none" : small_file_read(fd, name, sizeof name, &n, &st);
    fd_close(&fd);
    if (wrong != NULL || n == 0)
        return;
    n -= name[n - 1] == '\n';
    name[n] = '\0';
    if (strchr(name, ':') != NULL)
        account_number(&a, name);
    else if (account_find(&a, name) == -1)
        return;
    if (runas_docker_group(&group, settings, environment))
        account_add_group(&a, group);
    add_account(&a);
}

static void look_accounts_up(void) {
    const char *directory = settings_text(settings, SETTING_ROLES_DIR);
    DIR *dir = geteuid() == 0 && directory != NULL ? opendir(directory) : NULL;
    more_accounts = false;
    runas_guess(&accounts[0], settings, environment);
    account_count = 1;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (roles_is_name((struct slice){e->d_name, strlen(e->d_name)}))
            add_account_of(e->d_name);
    if (dir != NULL)
        closedir(dir);
}

/* ---- one path ---- */

static struct known *find_known(const char *path, size_t n) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(known[i].path, path, n) == 0 && known[i].path[n] == '\0') {
            known[i].used = ++uses;
            return &known[i];
        }
    return NULL;
}

static bool is_roots(const struct stat *st) {
    return st->st_uid == 0 && !S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whether a directory is root's alone: one look where the one above it is known to be. */
static bool judge_directory(const char *path, bool *missing) {
    struct writers w;
    struct stat st;
    const char *slash = strrchr(path, '/');
    const struct known *above =
        strcmp(slash, "/..") != 0 ? find_known(path, (size_t)(slash - path)) : NULL;
    *missing = false;
    if (slash > path && above != NULL && !above->missing && lstat(path, &st) == 0
        && S_ISDIR(st.st_mode) && is_roots(&st))
        return true;
    bool good = writers_find(&w, path, NULL, NULL, NULL) == 0
                && (w.missing || (S_ISDIR(w.st.st_mode) && strcmp(w.real, path) == 0));
    *missing = w.missing;
    return good;
}

/* What is known of the directory whose path is n bytes; NULL where it is not root's alone. */
static const struct known *know_directory(const char *path, size_t n) {
    struct known *k = n > 0 ? find_known(path, n) : NULL;
    if (k != NULL || n == 0 || n >= sizeof k->path)
        return k;
    k = &known[0];
    for (size_t i = 1; i < sizeof known / sizeof *known; i++)
        if (known[i].used < k->used)
            k = &known[i];
    snprintf(k->path, sizeof k->path, "%.*s", (int)n, path);
    k->used = ++uses;
    if (judge_directory(k->path, &k->missing))
        return k;
    k->path[0] = '\0';
    return NULL;
}

/* Whether it is so for sure: false is no answer. */
static bool is_only_roots(const char *path) {
    const char *slash = strrchr(path, '/');
    const struct known *above = slash != NULL && strcmp(slash, "/..") != 0
                                    ? know_directory(path, (size_t)(slash - path))
                                    : NULL;
    struct stat st;
    if (above == NULL)
        return false;
    if (above->missing || lstat(path, &st) == -1)
        return above->missing || errno == ENOENT;
    return is_roots(&st);
}

/* For the first of those who run commands that could write there. */
static unsigned find_writers(struct writers *w, const char *path) {
    unsigned who = writers_find(w, path, NULL, NULL, NULL);
    if (who == 0)
        return 0;
    if (account_count == 0)
        look_accounts_up();
    for (size_t i = 0; i < account_count && (who & WRITERS_ACCOUNT) == 0; i++)
        who = writers_find(w, path, &accounts[i], NULL, NULL);
    if (more_accounts)
        who = w->who |= WRITERS_ACCOUNT;
    return who;
}

static bool commands_can_read(const char *path) {
    bool can = false;
    if (account_count == 0)
        look_accounts_up();
    for (size_t i = 0; i < account_count && !can; i++)
        can = writers_can_read(path, &accounts[i]);
    return can || more_accounts;
}

/* Whether commands can be kept from it: another name of the same file is out of reach. */
static const char *why_open(const struct writers *w) {
    if (!w->missing && S_ISREG(w->st.st_mode) && w->st.st_nlink > 1)
        return "it has a second name (a hard link), by which they could";
    return landlock_is_available()
               ? NULL
               : "Landlock, which would keep them from it, is not to be had here";
}

static const char *why_refused(const struct writers *w, enum protect_kind kind,
                               char text[LIMIT_ERROR]) {
    const char *why = NULL;
    if (w->who == 0)
        return NULL;
    if (kind == PROTECT_IDENTITY || (kind == PROTECT_SETTING && (w->who & WRITERS_OTHERS) != 0)) {
        snprintf(text, LIMIT_ERROR,
                 "%s can be written by others than root: mount it read-only (:ro), or chown root "
                 "and chmod go-w",
                 w->place);
        return text;
    }
    if ((w->who & WRITERS_ACCOUNT) != 0)
        why = why_open(w);
    if (why == NULL)
        return NULL;
    snprintf(text, LIMIT_ERROR,
             "commands run as an account that can write %s, and %s: mount it read-only (:ro), or "
             "chown root and chmod go-w",
             w->place, why);
    return text;
}

const char *protect_refuses(const char *path, enum protect_kind kind, char text[LIMIT_ERROR]) {
    struct writers w;
    if (is_only_roots(path))
        return NULL;
    find_writers(&w, path);
    return why_refused(&w, kind, text);
}

/* ---- every path ---- */

/* Where configuration stands. Each is given to `take`. */
struct place {
    const char *path;
    enum protect_kind kind;
    bool weak; /* decides nothing, and is closed only along with others */
    bool secret;
    /* a directory that can be entered and not be listed: what stands in it may be anybody's */
    bool hidden;
};
typedef void take_place(void *context, const struct place *place);

static void each_in(const char *directory, bool (*wanted)(const char *name), enum protect_kind kind,
                    take_place *take, void *context) {
    char path[2 * LIMIT_PATH];
    struct place place = {.path = path, .kind = kind};
    DIR *dir = opendir(directory);
    if (dir == NULL) {
        place = (struct place){.path = directory, .kind = kind, .hidden = true};
        if (errno == EACCES && access(directory, X_OK) == 0)
            take(context, &place);
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (wanted(e->d_name)
            && (size_t)snprintf(path, sizeof path, "%s/%s", directory, e->d_name) < LIMIT_PATH)
            take(context, &place);
    closedir(dir);
}

static bool is_of_settings(const char *name) {
    return settings_owns(name, strlen(name)) || strcmp(name, POLICY_LIST_NAME) == 0;
}

static bool is_of_keys(const char *name) {
    size_t n = strlen(name);
    return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".pub") == 0;
}

static bool is_of_tokens(const char *name) {
    size_t n = strlen(name), end = sizeof TOKENS_END - 1;
    return n > end && name[0] != '.' && strcmp(name + n - end, TOKENS_END) == 0;
}

static bool is_of_role(const char *name) {
    return is_of_settings(name) || strcmp(name, settings_name(SETTING_RUN_AS)) == 0
           || strcmp(name, settings_name(SETTING_DOCKER)) == 0;
}

/* A directory, and of what is in it that which decides. */
static void directory_and(const char *directory, bool (*wanted)(const char *name),
                          enum protect_kind kind, take_place *take, void *context) {
    take(context, &(struct place){.path = directory, .kind = kind});
    each_in(directory, wanted, kind, take, context);
}

static void each_of_roles(take_place *take, void *context) {
    const char *directory = settings_text(settings, SETTING_ROLES_DIR);
    char folder[LIMIT_PATH], path[LIMIT_PATH];
    struct stat st;
    take(context, &(struct place){.path = directory, .kind = PROTECT_SETTING});
    DIR *dir = opendir(directory);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (!roles_is_name((struct slice){e->d_name, strlen(e->d_name)})
            || roles_path(folder, directory, e->d_name, NULL) == NULL)
            continue;
        directory_and(folder, is_of_role, PROTECT_SETTING, take, context);
        if (roles_path(path, directory, e->d_name, ROLES_KEYS) != NULL && lstat(path, &st) == 0)
            directory_and(path, is_of_keys, PROTECT_KEY, take, context);
        if (roles_path(path, directory, e->d_name, ROLES_TOKENS) != NULL && lstat(path, &st) == 0)
            directory_and(path, is_of_tokens, PROTECT_SETTING, take, context);
    }
    if (dir != NULL)
        closedir(dir);
}

static void each_place(take_place *take, void *context) {
    static const enum setting keys[] = {SETTING_AUTHORIZED_KEYS_HOST, SETTING_AUTHORIZED_KEYS_REPO,
                                        SETTING_TLS_CERT, SETTING_TLS_KEY, SETTING_TLS_CLIENT_CA};
    static const char *const beside[] = {"ssh_host_ed25519_key", ".ed25519.sk",
                                         SETTINGS_MADE_CERTIFICATE, SETTINGS_MADE_KEY};
    char path[2 * LIMIT_PATH];
    struct stat st;
    const char *users = settings_text(settings, SETTING_AUTHORIZED_KEYS_DIR),
               *tokens = settings_text(settings, SETTING_TOKENS_DIR),
               *host = settings_text(settings, SETTING_SSH_KEYS);
    directory_and(SETTINGS_DIRECTORY, is_of_settings, PROTECT_SETTING, take, context);
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (settings->named_file[id] != NULL)
            take(context, &(struct place){.path = settings->named_file[id],
                                          .kind = PROTECT_KEY,
                                          .secret = settings_is_secret(id)});
    directory_and(users, is_of_keys, PROTECT_KEY, take, context);
    directory_and(tokens, is_of_tokens, PROTECT_SETTING, take, context);
    each_of_roles(take, context);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (settings_text(settings, keys[i]) != NULL)
            take(context, &(struct place){.path = settings_text(settings, keys[i]),
                                          .kind = PROTECT_KEY,
                                          .secret = keys[i] == SETTING_TLS_KEY});
    take(context, &(struct place){.path = host, .kind = PROTECT_KEY});
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if ((size_t)snprintf(path, sizeof path, "%s/%s", host, beside[i]) < LIMIT_PATH
            && stat(path, &st) == 0)
            take(context,
                 &(struct place){.path = path,
                                 .kind = PROTECT_KEY,
                                 .secret = strcmp(beside[i], SETTINGS_MADE_CERTIFICATE) != 0});
    /* What sshd reads is made for every login, and only where there is SSH. */
    bool has_ssh =
        lstat(RUN_DIRECTORY "/ssh", &st) == 0 || lstat(RUN_DIRECTORY "/hostkey", &st) == 0;
    take(context, &(struct place){.path = RUN_DIRECTORY, .kind = PROTECT_KEY, .weak = !has_ssh});
    take(context, &(struct place){.path = settings_text(settings, SETTING_RUN_DIR),
                                  .kind = PROTECT_KEY,
                                  .weak = true});
}

/* ---- closing ---- */

struct closing {
    bool needed;
    struct landlock_paths ways, closed;
};

static void note_need(void *context, const struct place *place) {
    struct closing *c = context;
    struct writers w;
    if (!c->needed && !place->weak)
        c->needed = place->hidden
                    || (!is_only_roots(place->path)
                        && (find_writers(&w, place->path) & WRITERS_ACCOUNT) != 0);
}

static void add_way(void *context, const char *directory) { landlock_add(context, directory); }

static void close_place(void *context, const struct place *place) {
    struct closing *c = context;
    struct writers w;
    if ((find_writers(&w, place->path) & WRITERS_ACCOUNT) != 0 || place->hidden)
        writers_find(&w, place->path, &accounts[0], add_way, &c->ways);
    landlock_add(&c->closed, w.real);
}

static struct closing closing; /* static, since it is large and seldom needed */

bool protect_closes(void) {
    closing.needed = false;
    forget_directories(); /* root may have given one away since */
    each_place(note_need, &closing);
    return closing.needed && landlock_is_available();
}

int protect_close(int *ruleset, char error[LIMIT_ERROR]) {
    struct closing *c = &closing;
    if (!protect_closes())
        return 0;
    c->ways.count = c->ways.used = c->closed.count = c->closed.used = 0;
    c->ways.full = c->closed.full = false;
    each_place(close_place, c);
    *ruleset = landlock_make(&c->ways, &c->closed);
    if (*ruleset != -1)
        return 1;
    snprintf(error, LIMIT_ERROR, "the configuration can't be closed to commands (Landlock): %s",
             strerror(errno));
    return -1;
}

/* ---- for people ---- */

struct report {
    void (*tell)(void *context, enum protect_finding finding, const char *path, const char *text);
    void *context;
    char closed[LIMIT_PATH]; /* the last directory that was named */
};

__attribute__((format(printf, 4, 5))) static void tell_finding(struct report *r,
                                                               enum protect_finding f,
                                                               const char *path, const char *format,
                                                               ...) {
    char text[2 * LIMIT_PATH + 256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->tell(r->context, f, path, text);
}

/* What stands in a directory that has been named is like it. */
static bool is_in_named_directory(const struct report *r, const char *path) {
    size_t n = strlen(r->closed);
    return n > 0 && strncmp(path, r->closed, n) == 0 && path[n] == '/';
}

static void report_place(void *context, const struct place *place) {
    struct report *r = context;
    struct writers w;
    char text[LIMIT_ERROR];
    const char *path = place->path, *wrong;
    unsigned who = place->weak ? 0 : find_writers(&w, path);
    if (place->weak)
        return;
    wrong = why_refused(&w, place->kind, text);
    if (wrong != NULL && !is_in_named_directory(r, path))
        tell_finding(r, PROTECT_REFUSED, path, "does not count: %s", wrong);
    else if (wrong == NULL && (who & WRITERS_ACCOUNT) != 0 && !is_in_named_directory(r, path))
        tell_finding(r, PROTECT_CLOSED, path,
                     "closed to commands, whose account could write %s (Landlock)", w.place);
    if (wrong == NULL && (who & WRITERS_OTHERS) != 0 && !is_in_named_directory(r, path))
        tell_finding(r, PROTECT_SHARED, path, "counts, and accounts other than root can write %s",
                     w.place);
    if (who != 0 && !w.missing && S_ISDIR(w.st.st_mode))
        snprintf(r->closed, sizeof r->closed, "%s", path);
    if (place->secret && commands_can_read(path))
        tell_finding(r, PROTECT_EXPOSED, path,
                     "is a secret that commands can read: chown root and chmod 600");
    if (!w.missing && S_ISREG(w.st.st_mode) && w.st.st_nlink == 0)
        tell_finding(r, PROTECT_REPLACED, path, "%s", REPLACED_MOUNT);
}

void protect_report(void (*tell_it)(void *context, enum protect_finding finding, const char *path,
                                    const char *text),
                    void *context) {
    struct report r = {.tell = tell_it, .context = context};
    each_place(report_place, &r);
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        const struct settings_value *v = &settings->value[id];
        char path[LIMIT_PATH + 64];
        if (!settings_is_secret(id) || v->origin != FROM_DIRECTORY)
            continue;
        snprintf(path, sizeof path, "%s/%s", v->place, settings_name(id));
        if (commands_can_read(path))
            tell_finding(&r, PROTECT_EXPOSED, path,
                         "is a secret that commands can read: chown root and chmod 600");
    }
}
