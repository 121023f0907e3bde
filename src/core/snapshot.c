#include "core/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/version.h"
#include "base/writers.h"
#include "core/protect.h"
#include "core/root_paths.h"
#include "core/snapshot_parts.h"

/* ---- what is in the file ---- */

const enum setting snapshot_bases[SNAPSHOT_ALL_BASES] = {
    SETTING_ROLES_DIR, SETTING_TOKENS_DIR, SETTING_AUTHORIZED_KEYS_DIR,
    SETTING_AUTHORIZED_KEYS_HOST, SETTING_AUTHORIZED_KEYS_REPO};

struct content {
    const struct snapshot_head *head;
    const struct snapshot_mount *mounts;
    const struct snapshot_witness *witnesses;
    const char *texts, *bytes;
};

/* Returns how long it has to be. */
static size_t lay_out(struct content *c, const struct snapshot_head *head) {
    c->head = head;
    c->mounts = (const struct snapshot_mount *)(head + 1);
    c->witnesses = (const struct snapshot_witness *)(c->mounts + head->mounts);
    c->texts = (const char *)(c->witnesses + head->witnesses);
    c->bytes = c->texts + head->texts;
    return (size_t)(c->bytes + head->bytes - (const char *)head);
}

void snapshot_put_label(char label[64], const char *name) {
    memset(label, 0, 64);
    snprintf(label, 64, "bastion " BASTION_VERSION " %s %zu", name,
             sizeof(struct snapshot_witness));
}

int64_t snapshot_read_clock(void) {
    struct timespec day = {0, 0}, start = {0, 0};
    clock_gettime(CLOCK_REALTIME, &day);
    clock_gettime(CLOCK_BOOTTIME, &start);
    return day.tv_sec - start.tv_sec;
}

/* Since Linux 5.8 (statx(2)). The headers of musl 1.2.5, which MUSL=system may find, have no name
 * for it; what the kernel writes has room there all the same, behind the device. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

static uint64_t mount_of(const struct statx *x) {
    uint64_t id;
    memcpy(&id, (const char *)x + offsetof(struct statx, stx_dev_minor) + sizeof x->stx_dev_minor,
           sizeof id);
    return id;
}

int snapshot_look(struct snapshot_witness *w, int directory, const char *path) {
    enum { WANTED = STATX_BASIC_STATS | STATX_MNT_ID };
    static struct statx x; /* large */
    if (statx(directory, path, AT_SYMLINK_NOFOLLOW, WANTED, &x) == -1)
        return errno;
    if ((x.stx_mask & WANTED) != WANTED)
        return ENOSYS;
    w->inode = x.stx_ino;
    w->size = x.stx_size;
    w->mount = mount_of(&x);
    w->changed_s = x.stx_ctime.tv_sec;
    w->changed_ns = x.stx_ctime.tv_nsec;
    w->modified_s = x.stx_mtime.tv_sec;
    w->modified_ns = x.stx_mtime.tv_nsec;
    w->device_major = x.stx_dev_major;
    w->device_minor = x.stx_dev_minor;
    w->mode = x.stx_mode;
    w->uid = x.stx_uid;
    w->gid = x.stx_gid;
    return 0;
}

bool snapshot_is_roots_alone(const char *path) {
    struct writers w;
    return root_paths_has(path) || writers_find(&w, path, NULL, NULL, NULL) == 0;
}

bool snapshot_is_local(const struct statfs *fs) {
    static const uint32_t types[] = {
        0xef53 /* ext2 to 4 */, 0x01021994 /* tmpfs */,    0x794c7630 /* overlay */,
        0x58465342 /* XFS */,   0x9123683e /* Btrfs */,    0xf2f52010 /* F2FS */,
        0x2fc12fc1 /* ZFS */,   0x73717368 /* squashfs */, 0x24051905 /* UBIFS */};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == (uint32_t)fs->f_type)
            return true;
    return false;
}

/* Puts the whole path of a witness at `path`. */
static const char *whole_path(char path[2 * LIMIT_PATH], const struct settings *s,
                              const struct snapshot_witness *w, const char *texts) {
    const char *base = w->base < SNAPSHOT_BASES ? settings_text(s, snapshot_bases[w->base]) : NULL;
    snprintf(path, 2 * LIMIT_PATH, "%s%s%s", base != NULL ? base : "", base != NULL ? "/" : "",
             texts + w->path);
    return path;
}

bool snapshot_look_at_mount(struct snapshot_mount *m, const char *path) {
    struct statfs fs;
    if (statfs(path, &fs) == -1 || !snapshot_is_local(&fs))
        return false;
    m->read_only = (fs.f_flags & ST_RDONLY) != 0;
    return true;
}

/* ---- taking ---- */

static bool is_whole(struct content *c, const char *name, size_t n) {
    char label[64];
    const struct snapshot_head *head = c->head;
    snapshot_put_label(label, name);
    if (n < sizeof *head || memcmp(head->label, label, sizeof label) != 0
        || head->mounts > LIMIT_SNAPSHOT_MOUNTS || head->witnesses > LIMIT_SNAPSHOT_FILES
        || head->texts > LIMIT_SNAPSHOT || head->bytes > LIMIT_SNAPSHOT || lay_out(c, head) != n
        || head->texts == 0 || c->texts[head->texts - 1] != '\0')
        return false;
    for (size_t i = 0; i < head->mounts; i++)
        if (c->mounts[i].witness >= head->witnesses)
            return false;
    for (size_t i = 0; i < head->witnesses; i++)
        if (c->witnesses[i].path >= head->texts || c->witnesses[i].base > SNAPSHOT_BASES)
            return false;
    return true;
}

/* Word by word: there are thousands of them, and memcmp(3) of the C library goes byte by byte. */
static bool is_equal(const struct snapshot_witness *a, const struct snapshot_witness *b) {
    static_assert(sizeof *a % sizeof(uint64_t) == 0, "whole words, and nothing between its parts");
    uint64_t x[sizeof *a / sizeof(uint64_t)], y[sizeof *a / sizeof(uint64_t)], difference = 0;
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        difference |= x[i] ^ y[i];
    return difference == 0;
}

/* A directory above one with an absolute path is root's alone, as it was: whatever stands there
 * and below is so as long as it is in the same state. */
static bool is_same(const struct snapshot_witness *w, const char *path, const int *directories) {
    struct snapshot_witness now = {.base = w->base, .path = w->path};
    bool absolute = w->base == SNAPSHOT_BASES;
    int error = snapshot_look(&now, absolute ? AT_FDCWD : directories[w->base], path);
    now.missing = error == ENOENT;
    return (error == 0 || error == ENOENT) && is_equal(&now, w)
           && (!absolute || snapshot_is_roots_alone(path));
}

static bool is_of_places(const struct content *c, const struct settings *s) {
    const char *text = c->texts, *end = c->texts + c->head->texts;
    bool same = true;
    for (size_t i = 0; same && i < SNAPSHOT_ALL_BASES; i++, text += same ? strlen(text) + 1 : 0)
        same = text < end && strcmp(text, settings_text(s, snapshot_bases[i])) == 0;
    return same;
}

static bool is_unchanged(const struct content *c, const struct settings *s) {
    char path[2 * LIMIT_PATH];
    int directories[SNAPSHOT_BASES];
    int64_t clock = snapshot_read_clock();
    if (clock < c->head->clock - 1 || clock > c->head->clock + 1)
        return false;
    bool same = true;
    for (size_t i = 0; i < SNAPSHOT_BASES; i++)
        directories[i] =
            fd_open(settings_text(s, snapshot_bases[i]), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    for (size_t i = 0; same && i < c->head->witnesses; i++)
        same = is_same(&c->witnesses[i], c->texts + c->witnesses[i].path, directories);
    for (size_t i = 0; same && i < c->head->mounts; i++) {
        struct snapshot_mount now = c->mounts[i];
        same =
            snapshot_look_at_mount(&now, whole_path(path, s, &c->witnesses[now.witness], c->texts))
            && now.read_only == c->mounts[i].read_only;
    }
    for (size_t i = 0; i < SNAPSHOT_BASES; i++)
        fd_close(&directories[i]);
    return same;
}

/* The file of that name in RUN_DIR, if nobody but root can have written it; or -1. */
static int open_own(const char *path, size_t *n) {
    struct stat st;
    int fd = fd_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd != -1
        && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1
            || st.st_size > LIMIT_SNAPSHOT || st.st_size == 0 || !root_paths_has_open(path, &st)))
        fd_close(&fd);
    *n = fd != -1 ? (size_t)st.st_size : 0;
    return fd;
}

bool snapshot_name_file(char path[LIMIT_PATH], const struct settings *s, const char *name) {
    int n = snprintf(path, LIMIT_PATH, "%s/known-%s", settings_text(s, SETTING_RUN_DIR), name);
    return geteuid() == 0 && n > 0 && n < LIMIT_PATH;
}

void snapshot_note_judged(void) {
    for (enum protect_read what = 0; what < PROTECT_KINDS_READ; what++)
        protect_has_judged(what);
}

/* It is replaced and never written to, so that it can be mapped. */
const void *snapshot_take(const struct settings *s, const char *name, size_t *n) {
    static void *mapped = MAP_FAILED;
    static size_t size;
    char path[LIMIT_PATH];
    struct content c;
    if (mapped != MAP_FAILED)
        munmap(mapped, size);
    mapped = MAP_FAILED;
    protect_begin();
    int fd = snapshot_name_file(path, s, name) ? open_own(path, &size) : -1;
    if (fd != -1)
        mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    fd_close(&fd);
    if (mapped == MAP_FAILED)
        return NULL;
    c.head = mapped;
    if (!is_whole(&c, name, size) || !is_of_places(&c, s) || !is_unchanged(&c, s))
        return NULL;
    snapshot_note_judged();
    *n = c.head->bytes;
    return c.bytes;
}
