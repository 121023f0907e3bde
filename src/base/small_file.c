#include "base/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "limit.h"

int small_file_open(int directory, const char *path) {
    return openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool small_file_is_inside(int directory, const char *path) {
    static const char data[] = "..data/";
    char target[LIMIT_PATH];
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t before = sizeof data - 1, n = strlen(name);
    ssize_t length = readlinkat(directory, path, target, sizeof target);
    if (length == -1)
        return errno == EINVAL || errno == ENOENT;
    return (size_t)length == before + n && memcmp(target, data, before) == 0
           && memcmp(target + before, name, n) == 0;
}

int small_file_open_direct(int directory, const char *path, bool inside, bool *link) {
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    *link = fd == -1 && errno == ELOOP;
    if (!*link)
        return fd;
    if (!inside || small_file_is_inside(directory, path))
        return small_file_open(directory, path);
    errno = EXDEV;
    return -1;
}

int small_file_open_inside(int directory, const char *path) {
    bool link;
    return small_file_open_direct(directory, path, true, &link);
}

const char *small_file_error(int error) {
    return error == EXDEV ? "a symbolic link that leads out of its folder" : strerror(error);
}

bool small_file_is_missing(int directory, const char *path) {
    struct stat st;
    int error = errno;
    bool missing = error == ENOENT && fstatat(directory, path, &st, AT_SYMLINK_NOFOLLOW) == -1;
    errno = error;
    return missing;
}

const char *small_file_read(int fd, void *bytes, size_t cap, size_t *n, struct stat *st) {
    *n = 0;
    memset(st, 0, sizeof *st);
    if (fd == -1 || fstat(fd, st) == -1)
        return strerror(errno);
    if (S_ISDIR(st->st_mode))
        return "a folder, where a file is wanted: a mount whose source is missing makes one";
    if (!S_ISREG(st->st_mode))
        return "not a regular file";
    ssize_t got = pread(fd, bytes, cap, 0);
    if (got != st->st_size || got == 0) /* it is longer than one read, grows, or has no size */
        got = fd_read_file(fd, bytes, cap);
    if (got < 0)
        return strerror(errno);
    if ((size_t)got == cap)
        return "too long";
    *n = (size_t)got;
    return NULL;
}

static bool is_same_state(const struct stat *a, const struct stat *b) {
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether one read has given all of a file that nobody has written to for a second: the usual case,
 * in two calls. */
static bool read_at_rest(int fd, void *bytes, size_t cap, size_t *n, struct stat *st) {
    time_t began = time(NULL);
    ssize_t got = pread(fd, bytes, cap, 0);
    *n = got > 0 ? (size_t)got : 0;
    return got > 0 && (size_t)got < cap && fstat(fd, st) == 0 && S_ISREG(st->st_mode)
           && st->st_size == got && st->st_ctim.tv_sec < began - 1;
}

const char *small_file_read_settled(int fd, void *bytes, size_t cap, size_t *n, struct stat *st) {
    if (read_at_rest(fd, bytes, cap, n, st))
        return NULL;
    for (int attempt = 0; attempt < 3; attempt++) {
        struct stat before;
        const char *wrong = small_file_read(fd, bytes, cap, n, &before);
        if (wrong != NULL)
            return wrong;
        if (fstat(fd, st) == 0 && is_same_state(&before, st) && st->st_size == (off_t)*n)
            return NULL;
    }
    *n = 0;
    return "it changes while it is read";
}
