#include "core/roles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/small_file.h"
#include "core/listed.h"
#include "core/protect.h"

bool roles_is_name(struct slice name) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789", further[] = "_-";
    for (size_t i = 0; i < name.n; i++)
        if (name.at[i] == '\0'
            || (strchr(first, name.at[i]) == NULL
                && (i == 0 || strchr(further, name.at[i]) == NULL)))
            return false;
    return name.n > 0 && name.n <= LIMIT_ROLE_NAME;
}

bool roles_any(const char *directory) {
    struct stat st;
    return !listed_lacks(directory) && stat(directory, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *roles_path(char path[LIMIT_PATH], const char *directory, const char *role,
                       const char *entry) {
    int n = snprintf(path, LIMIT_PATH, "%s/%s%s%s", directory, role, entry != NULL ? "/" : "",
                     entry != NULL ? entry : "");
    return n > 0 && n < LIMIT_PATH ? path : NULL;
}

/* ---- the list ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct role *)a)->name, ((const struct role *)b)->name);
}

static void take_state(struct role_state *state, const struct stat *st) {
    state->device = st->st_dev;
    state->inode = st->st_ino;
    state->modified = st->st_mtim;
    state->changed = st->st_ctim;
}

/* Names an entry as none. It is somebody's own text, and must be one line. */
static void note(struct buf *errors, const char *directory, const char *name, const char *what) {
    char path[LIMIT_PATH + 256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    buf_error_line(errors, path, 0, what);
}

/* Returns NULL, or why the folder is no role. */
static const char *judge_folder(int dir, const char *directory, const char *name,
                                char text[LIMIT_ERROR]) {
    char path[LIMIT_PATH];
    struct stat st;
    if (!roles_is_name((struct slice){name, strlen(name)}))
        return "a name that can't be a role's: small letters, digits, _ and -, at most 32, and "
               "the first is a letter or a digit";
    if (roles_path(path, directory, name, NULL) == NULL)
        return "too long a path";
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return protect_refuses_open(path, &st, PROTECT_SETTING, text);
    if (!small_file_is_inside(AT_FDCWD, path))
        return "a symbolic link that leads out of its folder";
    return protect_refuses(path, PROTECT_SETTING, text);
}

/* Takes up an entry; what is no folder is nothing that was meant as a role. */
static void add_entry(struct roles *r, int dir, const char *directory, const char *name,
                      struct buf *errors) {
    char text[LIMIT_ERROR];
    struct stat st;
    bool leads_nowhere = fstatat(dir, name, &st, 0) == -1;
    if (name[0] == '.' || (leads_nowhere && errno != ENOENT)
        || (!leads_nowhere && !S_ISDIR(st.st_mode)))
        return;
    if (leads_nowhere && small_file_is_missing(dir, name))
        return; /* it has gone since */
    const char *wrong = judge_folder(dir, directory, name, text);
    if (wrong == NULL && leads_nowhere)
        wrong = strerror(ENOENT);
    if (wrong == NULL && r->count == LIMIT_ROLES)
        wrong = "one role more than there is room for";
    if (wrong != NULL) {
        note(errors, directory, name, wrong);
        return;
    }
    struct role *role = &r->role[r->count++];
    memcpy(role->name, name, strlen(name) + 1);
    take_state(&role->state, &st);
}

void roles_list(struct roles *r, const char *directory, struct buf *errors) {
    static char text[LIMIT_ERROR]; /* large, and seldom used */
    r->count = 0;
    if (listed_lacks(directory))
        return;
    DIR *dir = opendir(directory);
    if (dir == NULL && (errno == ENOENT || errno == ENOTDIR))
        return;
    const char *wrong =
        dir == NULL ? strerror(errno) : protect_refuses(directory, PROTECT_SETTING, text);
    if (wrong != NULL)
        buf_error_line(errors, directory, 0, wrong);
    for (struct dirent *e; dir != NULL && wrong == NULL && (e = readdir(dir)) != NULL;)
        add_entry(r, dirfd(dir), directory, e->d_name, errors);
    if (dir != NULL)
        closedir(dir);
    qsort(r->role, r->count, sizeof *r->role, by_name);
}

/* ---- its state ---- */

bool roles_look(const char *directory, struct role *role) {
    char path[LIMIT_PATH];
    struct stat st;
    if (roles_path(path, directory, role->name, NULL) == NULL || stat(path, &st) == -1
        || !S_ISDIR(st.st_mode))
        return false;
    take_state(&role->state, &st);
    return true;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool roles_is_unchanged(const char *directory, const struct role *role) {
    struct role now = *role;
    const struct role_state *a = &role->state, *b = &now.state;
    return roles_look(directory, &now) && a->device == b->device && a->inode == b->inode
           && is_same_time(&a->modified, &b->modified) && is_same_time(&a->changed, &b->changed);
}
