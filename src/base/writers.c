#include "base/writers.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS = 40 }; /* as many as the kernel follows (path_resolution(7)) */

/* ---- one directory or file ---- */

static bool has_group(const struct account *a, gid_t group) {
    bool has = a->gid == group || a->more_groups;
    for (int i = 0; i < a->group_count && !has; i++)
        has = a->groups[i] == group;
    return has;
}

static unsigned by_owner(const struct stat *st, const struct account *a) {
    return st->st_uid == 0                     ? 0
           : a != NULL && st->st_uid == a->uid ? WRITERS_ACCOUNT
                                               : WRITERS_OTHERS;
}

/* Who may write by the mode. With an ACL the group's bits are its mask: any account or group may be
 * behind them. */
static unsigned by_mode(const struct stat *st, const char *path, const struct account *a) {
    unsigned who = 0;
    if ((st->st_mode & S_IWOTH) != 0)
        who |= WRITERS_ACCOUNT | WRITERS_OTHERS;
    if ((st->st_mode & S_IWGRP) != 0) {
        bool listed = getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
        who |= a != NULL && has_group(a, st->st_gid) ? WRITERS_ACCOUNT : WRITERS_OTHERS;
        who |= listed ? WRITERS_ACCOUNT | WRITERS_OTHERS : 0;
    }
    return a != NULL ? who : who != 0 ? WRITERS_OTHERS : 0;
}

static bool is_read_only(const char *path) {
    struct statvfs fs;
    return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

static void add_writers(struct writers *w, unsigned who, const char *path) {
    if ((who & ~w->who) == 0 || is_read_only(path))
        return;
    if (w->who == 0)
        snprintf(w->place, sizeof w->place, "%s", path);
    w->who |= who;
}

/* Adds who could put something else in the place of a directory's entry (NULL: it is not there):
 * who may write the directory. In a sticky one that is the directory's owner and, where others may
 * write there at all, the entry's. */
static void add_directory(struct writers *w, const char *path, const struct stat *directory,
                          const struct stat *entry, const struct account *a) {
    bool sticky = (directory->st_mode & S_ISVTX) != 0 && entry != NULL;
    unsigned mode = by_mode(directory, path, a);
    add_writers(w, by_owner(directory, a) | (sticky ? mode != 0 ? by_owner(entry, a) : 0 : mode),
                path);
}

/* ---- the way ---- */

struct way {
    char rest[LIMIT_PATH]; /* what is still to be followed */
    int links;
};

/* Takes the first name off the rest: false when there is none. */
static bool take_name(struct way *way, char name[LIMIT_PATH]) {
    size_t slashes = strspn(way->rest, "/"), n = strcspn(way->rest + slashes, "/");
    memcpy(name, way->rest + slashes, n);
    name[n] = '\0';
    memmove(way->rest, way->rest + slashes + n, strlen(way->rest + slashes + n) + 1);
    return n > 0;
}

static void leave_directory(char *real) {
    char *slash = strrchr(real, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Puts a link's target before the rest. */
static bool follow_link(struct way *way, char *real, const char *link) {
    char target[LIMIT_PATH], rest[LIMIT_PATH];
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0 || ++way->links > LINKS)
        return false;
    target[n] = '\0';
    if (target[0] == '/')
        real[0] = '\0';
    strcpy(rest, way->rest);
    int length = snprintf(way->rest, sizeof way->rest, "%s%s", target, rest);
    return length > 0 && (size_t)length < sizeof way->rest;
}

static const char *root_if_empty(const char *real) { return real[0] != '\0' ? real : "/"; }

/* One name further: false when it can't be followed. */
static bool step_to(struct writers *w, struct way *way, const char *name, const struct account *a) {
    char next[2 * LIMIT_PATH];
    struct stat entry;
    int n = snprintf(next, sizeof next, "%s/%s", w->real, name);
    bool there = (size_t)n < sizeof w->real && lstat(next, &entry) == 0;
    add_directory(w, root_if_empty(w->real), &w->st, there ? &entry : NULL, a);
    if (there && S_ISLNK(entry.st_mode))
        return follow_link(way, w->real, next) && stat(root_if_empty(w->real), &w->st) == 0;
    snprintf(w->real, sizeof w->real, "%.*s", (int)sizeof w->real - 1, next);
    if (there)
        w->st = entry;
    return there;
}

unsigned writers_find(struct writers *w, const char *path, const struct account *account,
                      void (*visit)(void *context, const char *directory), void *context) {
    struct way way = {.links = 0};
    char name[LIMIT_PATH];
    w->who = 0;
    /* Names are put behind `real` with a slash before each: so the root is an empty text until the
     * end. */
    w->place[0] = w->real[0] = '\0';
    w->missing = stat("/", &w->st) == -1 || strlen(path) >= sizeof way.rest;
    snprintf(way.rest, sizeof way.rest, "%.*s", (int)sizeof way.rest - 1, path);
    while (!w->missing && take_name(&way, name)) {
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            leave_directory(w->real);
            w->missing = stat(root_if_empty(w->real), &w->st) == -1;
            continue;
        }
        if (visit != NULL)
            visit(context, root_if_empty(w->real));
        w->missing = !step_to(w, &way, name, account);
    }
    if (!w->missing)
        add_writers(w, by_owner(&w->st, account) | by_mode(&w->st, root_if_empty(w->real), account),
                    root_if_empty(w->real));
    if (w->real[0] == '\0')
        strcpy(w->real, "/");
    return w->who;
}

/* ---- reading ---- */

static bool may_access(const struct stat *st, const struct account *a, unsigned right) {
    unsigned shift = st->st_uid == a->uid ? 6 : has_group(a, st->st_gid) ? 3 : 0;
    /* its owner can change the mode */
    return (st->st_mode & (right << shift)) != 0 || (shift == 6 && S_ISREG(st->st_mode));
}

struct passage {
    const struct account *account;
    bool shut;
};

static void look_at_directory(void *context, const char *directory) {
    struct passage *p = context;
    struct stat st;
    p->shut = p->shut || stat(directory, &st) == -1 || !may_access(&st, p->account, S_IXOTH);
}

bool writers_can_read(const char *path, const struct account *account) {
    struct writers w;
    struct passage p = {account, false};
    writers_find(&w, path, account, look_at_directory, &p);
    return !w.missing && !p.shut && may_access(&w.st, account, S_IROTH);
}
