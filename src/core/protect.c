#include "core/protect.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/run_directory.h"
#include "base/writers.h"
#include "core/policy.h"
#include "core/replaced_mount.h"
#include "core/runas.h"
#include "core/settings.h"
#include "core/tokens.h"

/* What judges is one for a process, and not handed from call to call: files are judged while the
 * settings themselves are read, and by parts that know of no settings. What does not count must not
 * depend on who asks. */
static const struct settings *settings;
static char *const *environment;
static struct account account;
static bool account_is_known;

/* The directory that was last found to be root's alone, so that what stands in it takes one look
 * each; or empty. */
static char known[LIMIT_PATH];
static bool known_is_missing;

void protect_use(const struct settings *s, char *const *given) {
    settings = s;
    environment = given;
    account_is_known = false;
    known[0] = '\0';
}

/* Who runs commands. It is looked up where somebody but root can write, which is seldom. */
static const struct account *command_account(void) {
    if (!account_is_known)
        runas_guess(&account, settings, environment);
    account_is_known = true;
    return &account;
}

/* ---- one path ---- */

static bool know_directory(const char *path, size_t n) {
    struct writers w;
    if (n == 0 || n >= sizeof known)
        return false;
    if (strncmp(known, path, n) == 0 && known[n] == '\0')
        return true;
    snprintf(known, sizeof known, "%.*s", (int)n, path);
    bool good = writers_find(&w, known, NULL, NULL, NULL) == 0
                && (w.missing || (S_ISDIR(w.st.st_mode) && strcmp(w.real, known) == 0));
    known_is_missing = w.missing;
    if (!good)
        known[0] = '\0';
    return good;
}

/* Whether it is so for sure: false is no answer. */
static bool is_only_roots(const char *path) {
    const char *slash = strrchr(path, '/');
    struct stat st;
    if (slash == NULL || strcmp(slash, "/..") == 0 || !know_directory(path, (size_t)(slash - path)))
        return false;
    if (known_is_missing || lstat(path, &st) == -1)
        return known_is_missing || errno == ENOENT;
    return st.st_uid == 0 && !S_ISLNK(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static unsigned find_writers(struct writers *w, const char *path) {
    if (writers_find(w, path, NULL, NULL, NULL) == 0)
        return 0;
    return writers_find(w, path, command_account(), NULL, NULL);
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
    take(context, &(struct place){.path = SETTINGS_DIRECTORY, .kind = PROTECT_SETTING});
    each_in(SETTINGS_DIRECTORY, is_of_settings, PROTECT_SETTING, take, context);
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (settings->named_file[id] != NULL)
            take(context, &(struct place){.path = settings->named_file[id],
                                          .kind = PROTECT_KEY,
                                          .secret = settings_is_secret(id)});
    take(context, &(struct place){.path = users, .kind = PROTECT_KEY});
    each_in(users, is_of_keys, PROTECT_KEY, take, context);
    take(context, &(struct place){.path = tokens, .kind = PROTECT_SETTING});
    each_in(tokens, is_of_tokens, PROTECT_SETTING, take, context);
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
        writers_find(&w, place->path, command_account(), add_way, &c->ways);
    landlock_add(&c->closed, w.real);
}

static struct closing closing; /* static, since it is large and seldom needed */

bool protect_closes(void) {
    closing.needed = false;
    known[0] = '\0'; /* root may have given it away since */
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
    if (place->secret && writers_can_read(path, command_account()))
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
        if (writers_can_read(path, command_account()))
            tell_finding(&r, PROTECT_EXPOSED, path,
                         "is a secret that commands can read: chown root and chmod 600");
    }
}
