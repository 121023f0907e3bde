#include "base/landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/landlock_abi.h"

enum {
    OF_FILES = LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE,
    WRITING = OF_FILES | ((LANDLOCK_MAKE_SYM << 1) - LANDLOCK_REMOVE_DIR) | LANDLOCK_REFER,
    VERSION = 3
};

static long version; /* it does not change, and is asked for once; 0: not yet */

void landlock_heed_version(long known) { version = known; }

long landlock_version(void) {
    if (version == 0)
        version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    return version;
}

bool landlock_is_available(void) { return landlock_version() >= VERSION; }

void landlock_start(struct landlock_paths *p) {
    p->count = p->used = 0;
    p->full = false;
    memset(p->place, 0, sizeof p->place);
}

/* The place of a path, or the free one where it would be: at least half of them are free. */
static uint16_t *find_place(struct landlock_paths *p, const char *path) {
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = path; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619U;
    for (;; hash++) {
        uint16_t *place = &p->place[hash % (sizeof p->place / sizeof *p->place)];
        if (*place == 0 || strcmp(p->at[*place - 1], path) == 0)
            return place;
    }
}

void landlock_add(struct landlock_paths *p, const char *path) {
    size_t n = strlen(path) + 1;
    uint16_t *place = find_place(p, path);
    if (*place != 0)
        return;
    p->full = p->full || p->count == LIMIT_CLOSED_PATHS || n > sizeof p->text - p->used;
    if (p->full)
        return;
    p->at[p->count++] = memcpy(p->text + p->used, path, n);
    p->used += n;
    *place = (uint16_t)p->count;
}

/* ---- what is allowed ---- */

struct making {
    int ruleset;
    size_t rules;
    const struct landlock_paths *ways, *closed;
    struct identity {
        dev_t device;
        ino_t inode;
    } known[2 * LIMIT_CLOSED_PATHS]; /* of all that is in `ways` and `closed` */
    size_t known_count;
};

static void know_paths(struct making *m, const struct landlock_paths *p) {
    struct stat st;
    for (size_t i = 0; i < p->count; i++)
        if (stat(p->at[i], &st) == 0)
            m->known[m->known_count++] = (struct identity){st.st_dev, st.st_ino};
}

static bool is_known(const struct making *m, const struct stat *st) {
    for (size_t i = 0; i < m->known_count; i++)
        if (m->known[i].device == st->st_dev && m->known[i].inode == st->st_ino)
            return true;
    return false;
}

/* What is gone by the time it is opened needs no rule, and neither does what can't be opened. */
static int allow_entry(struct making *m, int directory, const char *name) {
    struct stat st;
    int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1)
        return 0;
    int result = 0;
    if (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode) && !is_known(m, &st)) {
        struct landlock_beneath rule = {S_ISDIR(st.st_mode) ? WRITING : OF_FILES, fd};
        errno = E2BIG;
        result = m->rules++ == LIMIT_CLOSED_RULES ? -1
                                                  : (int)syscall(SYS_landlock_add_rule, m->ruleset,
                                                                 LANDLOCK_PATH_BENEATH, &rule, 0);
        /* what belongs to no file system that takes rules: a namespace with a name, for one */
        if (result == -1 && errno == EBADFD)
            result = 0;
    }
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int allow_entries(struct making *m, const char *path) {
    DIR *dir = opendir(path);
    int result = 0;
    if (dir == NULL)
        return 0; /* nothing in it is allowed, then */
    for (struct dirent *e; result == 0 && (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            result = allow_entry(m, dirfd(dir), e->d_name);
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

static bool is_below(const char *path, const char *directory) {
    size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_closed(const struct landlock_paths *closed, const char *path) {
    for (size_t i = 0; i < closed->count; i++)
        if (is_below(path, closed->at[i]))
            return true;
    return false;
}

int landlock_make(const struct landlock_paths *ways, const struct landlock_paths *closed) {
    static struct making m;
    struct landlock_attributes attributes = {.handled = WRITING};
    m.rules = m.known_count = 0;
    m.closed = closed;
    m.ways = ways;
    if (ways->full || closed->full) {
        errno = E2BIG;
        return -1;
    }
    m.ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (m.ruleset == -1)
        return -1;
    know_paths(&m, ways);
    know_paths(&m, closed);
    for (size_t i = 0; i < ways->count; i++)
        if (!is_closed(closed, ways->at[i]) && allow_entries(&m, ways->at[i]) == -1) {
            int error = errno;
            close(m.ruleset);
            errno = error;
            return -1;
        }
    return m.ruleset;
}

/* Adds a rule for what is there. A file can have no rights that directories alone have, and older
 * versions know fewer. */
static int add_grant(int ruleset, const struct landlock_grant *grant, uint64_t handled) {
    static const uint64_t rights[] = {
        [LANDLOCK_TO_READ] = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
        [LANDLOCK_TO_RUN] = LANDLOCK_READ_FILE | LANDLOCK_EXECUTE,
        [LANDLOCK_TO_DEVICE] = LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE | LANDLOCK_IOCTL_DEV,
    };
    struct stat st;
    int fd = fd_open(grant->path, O_PATH);
    if (fd == -1)
        return 0;
    struct landlock_beneath rule = {rights[grant->use] & handled, fd};
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= ~(uint64_t)LANDLOCK_READ_DIR;
    int result = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0);
    close(fd);
    return result;
}

int landlock_close_all_but(const struct landlock_grant *grants, size_t n) {
    /* Which rights of files each version knows, as how many bits from the first; the last stands
     * for all that are to come. */
    static const unsigned char rights[] = {0, 13, 14, 15, 15, 16};
    enum { LAST = sizeof rights - 1, BIND_AND_CONNECT = 3, SOCKETS_AND_SIGNALS = 3 };
    if (landlock_version() < 1)
        return -1;
    struct landlock_attributes all = {
        .handled = (1U << rights[version < LAST ? version : LAST]) - 1,
        .network = version >= 4 ? BIND_AND_CONNECT : 0,
        .scopes = version >= 6 ? SOCKETS_AND_SIGNALS : 0,
    };
    /* A kernel refuses more bytes than it knows, unless they are zero. */
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    int result = ruleset == -1 ? -1 : 0;
    for (size_t i = 0; i < n && result == 0; i++)
        result = add_grant(ruleset, &grants[i], all.handled);
    if (result == 0)
        result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
    fd_close(&ruleset);
    return result;
}

int landlock_close_all(void) { return landlock_close_all_but(NULL, 0); }

int landlock_enter(int ruleset) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
        return -1;
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
