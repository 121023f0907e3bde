/* record_folder.c: the folder of a role's records: what is in it, and room for one more. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/record.h"
#include "core/record_file.h"

#define FOLDER "runs"

int record_folder(int run_dir, const char *role, bool makes) {
    char name[sizeof FOLDER "." + LIMIT_ROLE_NAME];
    struct stat st;
    snprintf(name, sizeof name, FOLDER "%s%s", role != NULL ? "." : "", role != NULL ? role : "");
    if (makes && mkdirat(run_dir, name, 0700) == -1 && errno != EEXIST)
        return -1;
    int fd = openat(run_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd != -1 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700)
        return fd;
    if (fd != -1)
        errno = EPERM;
    fd_close(&fd);
    return -1;
}

void record_socket_name(char out[RECORD_SOCKET], const char *run) {
    snprintf(out, RECORD_SOCKET, "%.16ss", run);
}

bool record_is_name(const char *name) {
    return strspn(name, "0123456789abcdef") == MESSAGE_RUN_ID - 1
           && name[MESSAGE_RUN_ID - 1] == '\0';
}

/* ---- all of them ---- */

struct entry {
    int64_t since;
    char name[MESSAGE_RUN_ID];
    bool is_kept; /* it has a keeper */
};
static struct entry entries[LIMIT_RUNS_KEEP + LIMIT_RUNS_SPARE];

static int newer_first(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return x->since != y->since ? (x->since < y->since) - (x->since > y->since)
                                : strcmp(y->name, x->name);
}

/* One that was never listed, and whose keeper is gone, is nobody's. It is removed under its lock,
 * so that whoever has just made it, and has no lock yet, sees that. */
static void remove_leftover(int folder, const char *name) {
    struct flock lock;
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd != -1 && record_lock(fd, F_OFD_SETLK, &lock) == 0)
        unlinkat(folder, name, 0);
    fd_close(&fd);
}

/* Of one in the folder: when its run was asked for, and whether it has a keeper. That of a run that
 * has ended needs none. */
static bool read_entry(struct entry *e, int folder, const char *name) {
    static struct record_head head; /* large */
    struct flock lock;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    bool is_record = fd != -1 && pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head
                     && head.version == RECORD_VERSION;
    const struct record_about *about = &head.facts.about;
    e->since = about->since;
    e->is_kept = is_record && (about->state == RECORD_RUNNING || about->state == RECORD_WAITING)
                 && (record_lock(fd, F_OFD_GETLK, &lock) == -1 || lock.l_type != F_UNLCK);
    memcpy(e->name, name, MESSAGE_RUN_ID);
    fd_close(&fd);
    return is_record;
}

/* Reads the folder, newest first. */
static size_t read_folder(int folder, bool cleans) {
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy == -1 ? NULL : fdopendir(copy);
    size_t n = 0;
    if (dir == NULL)
        fd_close(&copy);
    for (struct dirent *e;
         dir != NULL && n < sizeof entries / sizeof *entries && (e = readdir(dir)) != NULL;) {
        if (cleans && e->d_name[0] == '.' && record_is_name(e->d_name + 1))
            remove_leftover(folder, e->d_name);
        n += record_is_name(e->d_name) && read_entry(&entries[n], folder, e->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    qsort(entries, n, sizeof *entries, newer_first);
    return n;
}

/* How many records there are. */
static size_t count_records(int folder) {
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy == -1 ? NULL : fdopendir(copy);
    size_t n = 0;
    if (dir == NULL)
        fd_close(&copy);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        n += record_is_name(e->d_name);
    if (dir != NULL)
        closedir(dir);
    return n;
}

bool record_make_room(int folder, uint64_t keep) {
    if (count_records(folder) < keep)
        return true;
    size_t n = read_folder(folder, true), left = n;
    for (size_t i = n; i-- > 0 && left >= keep;) {
        char name[RECORD_SOCKET];
        if (entries[i].is_kept)
            continue;
        record_socket_name(name, entries[i].name);
        unlinkat(folder, name, 0);
        unlinkat(folder, entries[i].name, 0);
        left--;
    }
    return left < keep;
}

bool record_any(const char *run_dir) {
    DIR *dir = opendir(run_dir);
    bool any = false;
    for (struct dirent *e; dir != NULL && !any && (e = readdir(dir)) != NULL;)
        any = strncmp(e->d_name, FOLDER, sizeof FOLDER - 1) == 0;
    if (dir != NULL)
        closedir(dir);
    return any;
}

size_t record_all(const char (**names)[MESSAGE_RUN_ID], int run_dir, const char *role) {
    static char list[LIMIT_RUNS_KEEP][MESSAGE_RUN_ID];
    int folder = record_folder(run_dir, role, false);
    size_t n = folder == -1 ? 0 : read_folder(folder, false);
    n = n < LIMIT_RUNS_KEEP ? n : LIMIT_RUNS_KEEP;
    for (size_t i = 0; i < n; i++)
        memcpy(list[i], entries[i].name, MESSAGE_RUN_ID);
    fd_close(&folder);
    *names = (const char(*)[MESSAGE_RUN_ID])list;
    return n;
}
