#include "core/root_paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/writers.h"
#include "core/listed.h"
#include "limit.h"

/* The directories that were last found to be root's alone, so that what stands in them takes one
 * look each. (The linker puts this with what is small, by its alignment.) */
static _Alignas(8) struct known {
    char path[128]; /* the root: empty; longer ones are judged anew each time */
    bool missing;
    unsigned used; /* the greater, the later; 0: nothing is known here */
} known[8];
static unsigned uses;
static int64_t since; /* the first of them is known; 0: there is none */

void root_paths_renew(void) {
    if (since == 0 || clock_now() - since >= LIMIT_JUDGED_MS)
        root_paths_forget();
}

void root_paths_forget(void) {
    since = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        known[i].used = 0;
}

static struct known *find_known(const char *path, size_t n) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].used != 0 && strncmp(known[i].path, path, n) == 0
            && known[i].path[n] == '\0') {
            known[i].used = ++uses;
            return &known[i];
        }
    return NULL;
}

/* Puts a directory in the place of the one that was of use the longest time ago. */
static struct known *remember(const char *path, size_t n) {
    struct known *k = &known[0];
    if (since == 0)
        since = clock_now();
    for (size_t i = 1; i < sizeof known / sizeof *known; i++)
        if (known[i].used < k->used)
            k = &known[i];
    memcpy(k->path, path, n);
    k->path[n] = '\0';
    k->used = ++uses;
    k->missing = false;
    return k;
}

static bool is_roots(const struct stat *st) {
    return st->st_uid == 0 && !S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* By the whole way, which may be one of links, or read-only. A function of its own, since it takes
 * a large piece of the stack, and is seldom needed. */
__attribute__((noinline)) static bool judge_way(const char *path, bool *missing) {
    struct writers w;
    bool good = writers_find(&w, path, NULL, NULL, NULL) == 0
                && (w.missing || (S_ISDIR(w.st.st_mode) && strcmp(w.real, path) == 0));
    *missing = w.missing;
    return good;
}

static const struct known *know_directory(const char *path, size_t n);

/* Whether a directory is root's alone: one look where the one above it is known to be. */
static bool judge_directory(const char *path, bool *missing) {
    struct stat st;
    const char *slash = strrchr(path, '/');
    *missing = false;
    if (path[0] == '\0')
        return stat("/", &st) == 0 && is_roots(&st);
    const struct known *above = slash != NULL && strcmp(slash, "/..") != 0
                                    ? know_directory(path, (size_t)(slash - path))
                                    : NULL;
    if (above == NULL)
        return judge_way(path, missing);
    *missing = above->missing;
    if (above->missing)
        return true;
    bool there = lstat(path, &st) == 0;
    if (there ? S_ISDIR(st.st_mode) && is_roots(&st) : errno == ENOENT) {
        *missing = !there;
        return true;
    }
    return judge_way(path, missing);
}

/* What is known of the directory whose path is n bytes; NULL where it is not root's alone. */
static const struct known *know_directory(const char *path, size_t n) {
    char directory[sizeof known->path];
    bool missing;
    struct known *k = find_known(path, n);
    if (k != NULL || n >= sizeof directory)
        return k;
    memcpy(directory, path, n);
    directory[n] = '\0';
    if (!judge_directory(directory, &missing))
        return NULL;
    k = remember(directory, n);
    k->missing = missing;
    return k;
}

/* What is known of the directory in which a path's last name stands. */
static const struct known *know_above(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && strcmp(slash, "/..") != 0 ? know_directory(path, (size_t)(slash - path))
                                                      : NULL;
}

/* Judges what stands in such a directory. If it is one itself, what stands in it is asked for next.
 */
static bool is_roots_there(const char *path, const struct stat *st) {
    size_t n = strlen(path);
    bool is = is_roots(st);
    if (is && S_ISDIR(st->st_mode) && n < sizeof known->path && find_known(path, n) == NULL)
        remember(path, n);
    return is;
}

bool root_paths_has(const char *path) {
    struct stat st;
    if (find_known(path, strlen(path)) != NULL)
        return true;
    const struct known *above = know_above(path);
    if (above == NULL)
        return false;
    if (above->missing || listed_lacks(path))
        return true;
    if (lstat(path, &st) == -1)
        return errno == ENOENT;
    return is_roots_there(path, &st);
}

bool root_paths_has_open(const char *path, const struct stat *st) {
    const struct known *above = know_above(path);
    return above != NULL && !above->missing && is_roots_there(path, st);
}
