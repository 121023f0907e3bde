/* authorized_keys_read.c: what is read into the table of keys, of files and folders. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/directory.h"
#include "base/fd.h"
#include "base/pages.h"
#include "base/small_file.h"
#include "core/protect.h"
#include "core/replaced_mount.h"
#include "core/snapshot.h"
#include "ssh/authorized_keys.h"
#include "ssh/keys_snapshot.h"
#include "wire/date.h"

static void report_seen(struct authorized_keys *k, struct key_seen seen) {
    k->any_source = k->any_source || seen.path[0] == '/';
    if (k->see != NULL)
        k->see(k->context, &seen);
}

static void add_key_error(struct authorized_keys *k, const char *file, size_t line,
                          const char *reason, const struct authorized *a) {
    report_seen(k, (struct key_seen){.path = file, .line = line, .reason = reason, .a = a});
    buf_error_line(&k->errors, file, line, reason);
}

static void add_file_error(struct authorized_keys *k, const char *file, size_t line,
                           const char *reason) {
    add_key_error(k, file, line, reason, NULL);
}

static bool is_printable(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return s.n > 0 && s.n < LIMIT_USER;
}

/* Replaces control characters, with which a name would be more than one line, or steer a
 * terminal. */
static const char *make_printable(char *text) {
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return text;
}

/* One file of a source. `identity` is that of all its keys, or NULL: then the comment is, else the
 * file's name. */
struct source {
    const char *path;
    struct slice name, identity;
    const struct role *role; /* or NULL; out of its folder no link leads */
};

static void name_shared(struct authorized_keys *k, const struct source *from, size_t line,
                        const struct authorized *a, const struct key *key) {
    char text[128];
    const struct key *first = authorized_keys_find(k, key->text); /* none has been judged yet */
    const char *role = first->role == NULL ? NULL : first->role->name;
    snprintf(text, sizeof text, "the same key as one of %s%s: it counts for nobody",
             role != NULL ? "the role " : "no role", role != NULL ? role : "");
    add_key_error(k, from->path, line, text, a);
}

static int64_t earliest_expiry(struct authorized_keys *k, const struct authorized *a) {
    int64_t earliest = DATE_NEVER;
    for (size_t i = 0; i < a->expiries; i++) {
        k->is_transient = k->is_transient || a->expiry[i].local;
        int64_t at = a->expiry[i].local ? clock_local(a->expiry[i].seconds) : a->expiry[i].seconds;
        earliest = clock_earlier(at, earliest);
    }
    return earliest;
}

/* Keeps its limits. False where there is no room. */
static bool keep_limits(struct authorized_keys *k, struct key *key, const struct authorized *a) {
    key->expires = earliest_expiry(k, a);
    key->from = "";
    if (a->from.n == 0)
        return true;
    key->from = k->limits.at + k->limits.len;
    buf_bytes(&k->limits, a->from.at, a->from.n);
    buf_char(&k->limits, '\0');
    return !k->limits.full;
}

static void add_key(struct authorized_keys *k, const struct source *from, size_t line,
                    const struct authorized *a) {
    struct slice who = from->identity.n > 0       ? from->identity
                       : is_printable(a->comment) ? a->comment
                                                  : from->name;
    struct key *key = k->count < LIMIT_KEYS ? &k->key[k->count] : NULL;
    if (key == NULL || !keep_limits(k, key, a)) {
        add_key_error(k, from->path, line, "one key more than there is room for", a);
        return;
    }
    snprintf(key->text, sizeof key->text, "%.*s", (int)a->key.n, a->key.at);
    snprintf(key->identity, sizeof key->identity, "%.*s", (int)who.n, who.at);
    key->role = from->role;
    key->no_pty = a->no_pty;
    if (!authorized_keys_insert(k)) {
        report_seen(k, (struct key_seen){.path = from->path, .line = line, .a = a});
        return;
    }
    if (key->shared)
        name_shared(k, from, line, a, key);
    else
        report_seen(k, (struct key_seen){.path = from->path, .line = line, .a = a, .key = key});
}

/* Whether there is a line that would log somebody in; or, unless it has to be `usable`, a key of
 * any type. */
static bool has_key(struct slice rest, bool usable) {
    while (rest.n > 0) {
        struct authorized a;
        authorized_read(&a, slice_take_line(&rest));
        if (a.kind == AUTHORIZED_KEY || (!usable && a.type.n > 0 && a.key.n > 0))
            return true;
    }
    return false;
}

/* A file that is of another kind is one error, and not one for each of its lines; but a key in it
 * counts all the same. */
static void read_key_lines(struct authorized_keys *k, const struct source *from,
                           struct slice rest) {
    const char *foreign = authorized_foreign(rest);
    rest = slice_without_mark(rest);
    if (foreign != NULL)
        add_file_error(k, from->path, 0, foreign);
    if (foreign != NULL && !has_key(rest, true))
        return;
    for (size_t number = 1; rest.n > 0; number++) {
        struct authorized a;
        authorized_read(&a, slice_take_line(&rest));
        if (a.kind == AUTHORIZED_KEY)
            add_key(k, from, number, &a);
        else if (a.kind == AUTHORIZED_UNUSABLE)
            add_key_error(k, from->path, number, a.reason, &a);
    }
}

/* What reading takes, given back when it has ended: bastion ssh waits long after that. */
static struct {
    PAGES_ALIGNED char text[LIMIT_KEY_FILE + 1]; /* of one file */
    char good_names[LIMIT_KEYS][256], other_names[LIMIT_KEY_OTHERS][256];
} work;

static void read_authorized_file(struct authorized_keys *k, const struct source *from) {
    char *text = work.text;
    char refusal[LIMIT_ERROR];
    struct stat st;
    size_t n;
    bool link;
    int fd = small_file_open_direct(AT_FDCWD, from->path, from->role != NULL, &link);
    if (fd == -1 && errno == ENOENT)
        return;
    const char *wrong = fd == -1 ? small_file_error(errno) : NULL;
    if (wrong == NULL)
        wrong = small_file_read(fd, text, sizeof work.text, &n, &st);
    if (wrong == NULL)
        wrong = link ? protect_refuses(from->path, PROTECT_KEY, refusal)
                     : protect_refuses_open(from->path, &st, PROTECT_KEY, refusal);
    fd_close(&fd);
    /* A file that was replaced while it was read has no name left either: that is no error. */
    if (wrong == NULL && st.st_nlink == 0 && replaced_mount_is(from->path))
        add_file_error(k, from->path, 0, REPLACED_MOUNT);
    if (wrong != NULL)
        add_file_error(k, from->path, 0, wrong);
    else
        read_key_lines(k, from, (struct slice){text, n});
}

static void read_single_file(struct authorized_keys *k, const char *path) {
    const char *slash = strrchr(path, '/');
    struct source from = {
        .path = path, .name = {slash + 1, strlen(slash + 1)}, .identity = {"", 0}};
    read_authorized_file(k, &from);
}

/* ---- the directory ---- */

/* Names of files. They are sorted, so that of two equal keys the same one counts at every
 * connection. */
struct names {
    size_t count, room;
    char (*at)[256];
};

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

static bool add_name(struct names *names, const char *name) {
    if (names->count == names->room)
        return false;
    snprintf(names->at[names->count++], sizeof *names->at, "%s", name);
    return true;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), k = strlen(end);
    return n > k && strcasecmp(name + n - k, end) == 0;
}

/* Lists the names that end in .pub, and the others, less what starts with a dot, was put aside or
 * was left behind by an editor. Returns false where there are more of the former than there is room
 * for. */
static bool list_key_files(struct directory *dir, struct names *good, struct names *others) {
    static const char *const aside[] = {"~",         ".bak", ".old", ".orig", ".off",
                                        ".disabled", ".rej", ".swp", ".tmp"};
    bool room = true;
    for (const char *name; (name = directory_next(dir, NULL)) != NULL;) {
        size_t n = strlen(name);
        bool is_aside = name[0] == '.';
        for (size_t i = 0; i < sizeof aside / sizeof *aside; i++)
            is_aside = is_aside || ends_with(name, aside[i]);
        if (name[0] != '.' && n > 4 && strcmp(name + n - 4, ".pub") == 0)
            room = add_name(good, name) && room;
        else if (!is_aside)
            add_name(others, name);
    }
    qsort(good->at, good->count, sizeof *good->at, by_name);
    qsort(others->at, others->count, sizeof *others->at, by_name);
    return room;
}

/* Writes the name that such a file should have: without the endings that people and programs give
 * to keys, in small letters where it is all in capitals, and with .pub. */
static void better_name(char out[256], const char *name) {
    static const char *const ends[] = {".txt", ".keys", ".key", ".pem", ".ssh", ".pub"};
    bool capitals = true;
    snprintf(out, 256, "%s", name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(out, ends[i]))
            out[strlen(out) - strlen(ends[i])] = '\0';
    for (const char *at = out; *at != '\0'; at++)
        capitals = capitals && (*at < 'a' || *at > 'z');
    for (char *at = out; capitals && *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    out[251] = '\0';
    strcat(out, ".pub");
}

/* A file with another name is not read; if there is a key in it, that is named as an error. */
static void look_at_other_file(struct authorized_keys *k, char *path, char *name) {
    static char text[LIMIT_KEY_LOOK];
    char better[256], reason[256 + 64];
    struct stat st;
    int fd = small_file_open(AT_FDCWD, path); /* of a long one, its beginning will do */
    bool regular = fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = regular ? fd_read_file(fd, text, sizeof text) : -1;
    fd_close(&fd);
    if (n <= 0)
        return;
    struct slice start = {text, (size_t)n};
    if (authorized_is_private(start)) {
        add_file_error(k, make_printable(path), 0, authorized_foreign(start));
    } else if (has_key(slice_without_mark(start), false)
               || (n > 5 && memcmp(text, "---- ", 5) == 0)) {
        better_name(better, make_printable(name));
        snprintf(reason, sizeof reason,
                 "is not read, since its name does not end in .pub: rename it to %s", better);
        add_file_error(k, make_printable(path), 0, reason);
    }
    explicit_bzero(text, sizeof text);
}

static void read_key_directory(struct authorized_keys *k, const char *directory,
                               const struct role *role) {
    struct names good = {.room = LIMIT_KEYS, .at = work.good_names},
                 others = {.room = LIMIT_KEY_OTHERS, .at = work.other_names};
    char refusal[LIMIT_ERROR];
    struct directory dir;
    bool there = directory_open(&dir, directory) == 0;
    const char *wrong = !there ? strerror(errno) : protect_refuses(directory, PROTECT_KEY, refusal);
    if (wrong == NULL && role != NULL && !small_file_is_inside(AT_FDCWD, directory))
        wrong = small_file_error(EXDEV);
    if (wrong != NULL) {
        if (there || errno != ENOENT)
            add_file_error(k, directory, 0, wrong);
        directory_close(&dir);
        return;
    }
    if (!list_key_files(&dir, &good, &others))
        add_file_error(k, directory, 0, "more files than there is room for");
    directory_close(&dir);
    k->is_transient = k->is_transient || others.count > 0;
    for (size_t i = 0; i < good.count + others.count; i++) {
        char path[LIMIT_PATH + 256],
            *file = i < good.count ? good.at[i] : others.at[i - good.count];
        struct buf b = BUF_ON(path);
        buf_format(&b, "%s/%s", directory, file);
        struct slice name = {file, i < good.count ? strlen(file) - 4 : 0};
        struct source from = {.path = path, .name = name, .identity = name, .role = role};
        if (buf_string(&b) == NULL)
            add_file_error(k, directory, 0, "a path too long");
        else if (i >= good.count)
            look_at_other_file(k, path, file);
        else if (is_printable(name))
            read_authorized_file(k, &from);
        else
            add_file_error(k, make_printable(path), 0, "a name that can't be an identity");
    }
}

static void read_roles(struct authorized_keys *k, const char *directory) {
    char path[LIMIT_PATH];
    roles_list(&k->roles, directory, &k->errors);
    for (size_t i = 0; i < k->roles.count; i++)
        if (roles_path(path, directory, k->roles.role[i].name, ROLES_KEYS) != NULL)
            read_key_directory(k, path, &k->roles.role[i]);
}

void authorized_keys_read(struct authorized_keys *k, const struct settings *s) {
    struct snapshot_reading reading;
    authorized_keys_clear(k);
    if (k->remembered && keys_snapshot_take(k, s))
        return;
    if (k->remembered)
        snapshot_begin(&reading);
    authorized_keys_clear(k);
    protect_begin();
    read_key_directory(k, settings_text(s, SETTING_AUTHORIZED_KEYS_DIR), NULL);
    read_single_file(k, settings_text(s, SETTING_AUTHORIZED_KEYS_HOST));
    read_single_file(k, settings_text(s, SETTING_AUTHORIZED_KEYS_REPO));
    read_roles(k, settings_text(s, SETTING_ROLES_DIR));
    if (k->errors.len == 0)
        protect_has_judged(PROTECT_KEYS);
    if (k->count == 0)
        add_file_error(k, "AUTHORIZED_KEYS_DIR, _HOST, _REPO", 0,
                       "no usable key: nobody can log in");
    if (k->remembered)
        keys_snapshot_leave(k, s, &reading);
    pages_release(&work, sizeof work);
}
