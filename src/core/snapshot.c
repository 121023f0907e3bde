#include "core/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pages.h"
#include "base/version.h"
#include "base/writers.h"
#include "core/places.h"
#include "core/protect.h"
#include "core/root_paths.h"

/* ---- what is in the file ---- */

/* The state of a file or directory. Whatever is done to one, by a write, a change of its owner or
 * mode, a rename, a mount over it, makes a difference here. (Through a mapping (mmap(2)) that was
 * written to before, and not been flushed, a file can change without: no editor does that.) */
struct witness {
    uint64_t inode, size, mount;
    int64_t changed_s, modified_s;
    uint32_t changed_ns, modified_ns, device_major, device_minor, mode, uid, gid;
    uint32_t base; /* an index of `bases`: it stands below that; or BASES, for an absolute path */
    uint32_t path; /* in the texts */
    uint32_t missing;
};

/* A mount that some of them are on, which must stay read-only if it was. */
struct mount {
    uint64_t id;
    uint32_t witness; /* one that is on it */
    uint32_t read_only;
};

/* What says where they are. Paths below one of the first few stand there without it. */
static const enum setting bases[] = {SETTING_ROLES_DIR, SETTING_TOKENS_DIR,
                                     SETTING_AUTHORIZED_KEYS_DIR, SETTING_AUTHORIZED_KEYS_HOST,
                                     SETTING_AUTHORIZED_KEYS_REPO};
enum { BASES = 3, ALL_BASES = sizeof bases / sizeof *bases };

/* Behind it stand the mounts, the witnesses, the texts, and the bytes that it is about. The first
 * texts are those of `bases`. */
struct head {
    char label[64];
    int64_t clock; /* the time of day, less the time since the machine's start */
    uint32_t mounts, witnesses, texts, bytes;
};

struct content {
    const struct head *head;
    const struct mount *mounts;
    const struct witness *witnesses;
    const char *texts, *bytes;
};

/* Returns how long it has to be. */
static size_t lay_out(struct content *c, const struct head *head) {
    c->head = head;
    c->mounts = (const struct mount *)(head + 1);
    c->witnesses = (const struct witness *)(c->mounts + head->mounts);
    c->texts = (const char *)(c->witnesses + head->witnesses);
    c->bytes = c->texts + head->texts;
    return (size_t)(c->bytes + head->bytes - (const char *)head);
}

static void put_label(char label[64], const char *name) {
    memset(label, 0, 64);
    snprintf(label, 64, "bastion " BASTION_VERSION " %s %zu", name, sizeof(struct witness));
}

/* It stays the same, but for somebody who sets the clock: after that, a file's time could come a
 * second time. */
static int64_t read_clock(void) {
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

/* Returns 0, or an error's number. */
static int look(struct witness *w, int directory, const char *path) {
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

static bool is_roots_alone(const char *path) {
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
                              const struct witness *w, const char *texts) {
    const char *base = w->base < BASES ? settings_text(s, bases[w->base]) : NULL;
    snprintf(path, 2 * LIMIT_PATH, "%s%s%s", base != NULL ? base : "", base != NULL ? "/" : "",
             texts + w->path);
    return path;
}

static bool look_at_mount(struct mount *m, const char *path) {
    struct statfs fs;
    if (statfs(path, &fs) == -1 || !snapshot_is_local(&fs))
        return false;
    m->read_only = (fs.f_flags & ST_RDONLY) != 0;
    return true;
}

/* ---- taking ---- */

static bool is_whole(struct content *c, const char *name, size_t n) {
    char label[64];
    const struct head *head = c->head;
    put_label(label, name);
    if (n < sizeof *head || memcmp(head->label, label, sizeof label) != 0
        || head->mounts > LIMIT_SNAPSHOT_MOUNTS || head->witnesses > LIMIT_SNAPSHOT_FILES
        || head->texts > LIMIT_SNAPSHOT || head->bytes > LIMIT_SNAPSHOT || lay_out(c, head) != n
        || head->texts == 0 || c->texts[head->texts - 1] != '\0')
        return false;
    for (size_t i = 0; i < head->mounts; i++)
        if (c->mounts[i].witness >= head->witnesses)
            return false;
    for (size_t i = 0; i < head->witnesses; i++)
        if (c->witnesses[i].path >= head->texts || c->witnesses[i].base > BASES)
            return false;
    return true;
}

/* Word by word: there are thousands of them, and memcmp(3) of the C library goes byte by byte. */
static bool is_equal(const struct witness *a, const struct witness *b) {
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
static bool is_same(const struct witness *w, const char *path, const int *directories) {
    struct witness now = {.base = w->base, .path = w->path};
    bool absolute = w->base == BASES;
    int error = look(&now, absolute ? AT_FDCWD : directories[w->base], path);
    now.missing = error == ENOENT;
    return (error == 0 || error == ENOENT) && is_equal(&now, w)
           && (!absolute || is_roots_alone(path));
}

static bool is_of_places(const struct content *c, const struct settings *s) {
    const char *text = c->texts, *end = c->texts + c->head->texts;
    bool same = true;
    for (size_t i = 0; same && i < ALL_BASES; i++, text += same ? strlen(text) + 1 : 0)
        same = text < end && strcmp(text, settings_text(s, bases[i])) == 0;
    return same;
}

static bool is_unchanged(const struct content *c, const struct settings *s) {
    char path[2 * LIMIT_PATH];
    int directories[BASES];
    int64_t clock = read_clock();
    if (clock < c->head->clock - 1 || clock > c->head->clock + 1)
        return false;
    bool same = true;
    for (size_t i = 0; i < BASES; i++)
        directories[i] = fd_open(settings_text(s, bases[i]), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    for (size_t i = 0; same && i < c->head->witnesses; i++)
        same = is_same(&c->witnesses[i], c->texts + c->witnesses[i].path, directories);
    for (size_t i = 0; same && i < c->head->mounts; i++) {
        struct mount now = c->mounts[i];
        same = look_at_mount(&now, whole_path(path, s, &c->witnesses[now.witness], c->texts))
               && now.read_only == c->mounts[i].read_only;
    }
    for (size_t i = 0; i < BASES; i++)
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

static bool name_file(char path[LIMIT_PATH], const struct settings *s, const char *name) {
    int n = snprintf(path, LIMIT_PATH, "%s/known-%s", settings_text(s, SETTING_RUN_DIR), name);
    return geteuid() == 0 && n > 0 && n < LIMIT_PATH;
}

/* All that credentials stand in is root's alone. */
static void note_judged(void) {
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
    int fd = name_file(path, s, name) ? open_own(path, &size) : -1;
    if (fd != -1)
        mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    fd_close(&fd);
    if (mapped == MAP_FAILED)
        return NULL;
    c.head = mapped;
    if (!is_whole(&c, name, size) || !is_of_places(&c, s) || !is_unchanged(&c, s))
        return NULL;
    note_judged();
    *n = c.head->bytes;
    return c.bytes;
}

/* ---- leaving ---- */

/* What is gathered; its parts are put together at the end. */
struct gathering {
    const struct settings *settings;
    time_t began;
    bool unfit;
    struct head head;
    struct mount mounts[LIMIT_SNAPSHOT_MOUNTS];
    struct witness witnesses[LIMIT_SNAPSHOT_FILES];
    char texts[LIMIT_SNAPSHOT];
};

static bool add_text(struct gathering *g, const char *text) {
    size_t n = strlen(text) + 1;
    if (n > sizeof g->texts - g->head.texts)
        return false;
    memcpy(g->texts + g->head.texts, text, n);
    g->head.texts += (uint32_t)n;
    return true;
}

/* Where the path goes on below one of `bases`, whose index is put at *base; or all of it. */
static const char *below_base(const struct settings *s, const char *path, uint32_t *base) {
    for (*base = 0; *base < BASES; ++*base) {
        const char *above = settings_text(s, bases[*base]);
        size_t n = strlen(above);
        if (strncmp(path, above, n) == 0 && path[n] == '/' && path[n + 1] != '\0')
            return path + n + 1;
    }
    return path;
}

static bool add_mount(struct gathering *g, const struct witness *w, const char *path) {
    uint32_t i = 0;
    while (i < g->head.mounts && g->mounts[i].id != w->mount)
        i++;
    if (i < g->head.mounts)
        return true;
    if (i == LIMIT_SNAPSHOT_MOUNTS)
        return false;
    g->mounts[i] = (struct mount){.id = w->mount, .witness = g->head.witnesses};
    g->head.mounts++;
    return look_at_mount(&g->mounts[i], path);
}

/* Whether it has been at rest for so long that the next change will have another time. */
static bool is_settled(const struct gathering *g, const struct witness *w) {
    time_t latest = g->began - LIMIT_SNAPSHOT_REST_S;
    return w->changed_s < latest && w->modified_s < latest;
}

static void add_witness(void *context, const struct place *place) {
    struct gathering *g = context;
    struct witness *w = &g->witnesses[g->head.witnesses];
    if (g->unfit)
        return;
    g->unfit = true;
    if (place->hidden || g->head.witnesses == LIMIT_SNAPSHOT_FILES)
        return;
    *w = (struct witness){.path = g->head.texts};
    int error = look(w, AT_FDCWD, place->path);
    w->missing = error == ENOENT;
    struct stat st = {.st_uid = w->uid, .st_mode = w->mode};
    if ((error != 0 && error != ENOENT) || S_ISLNK(w->mode)
        || !((error == 0 && root_paths_has_open(place->path, &st)) || is_roots_alone(place->path))
        || !add_text(g, below_base(g->settings, place->path, &w->base)))
        return;
    if (w->missing == 0 && (!is_settled(g, w) || !add_mount(g, w, place->path)))
        return;
    g->head.witnesses++;
    g->unfit = false;
}

/* Without a flush to the disk: after a loss of power there is none, or one that is not whole. */
static void write_file(const struct gathering *g, const char *path, const void *bytes) {
    char beside[LIMIT_PATH + 32];
    const struct iovec parts[] = {
        {(void *)(uintptr_t)&g->head, sizeof g->head},
        {(void *)(uintptr_t)g->mounts, g->head.mounts * sizeof *g->mounts},
        {(void *)(uintptr_t)g->witnesses, g->head.witnesses * sizeof *g->witnesses},
        {(void *)(uintptr_t)g->texts, g->head.texts},
        {(void *)(uintptr_t)bytes, g->head.bytes}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        n += parts[i].iov_len;
    snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
    int fd = openat(AT_FDCWD, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1)
        return;
    bool written =
        n <= LIMIT_SNAPSHOT && writev(fd, parts, sizeof parts / sizeof *parts) == (ssize_t)n;
    fd_close(&fd);
    if (!written || rename(beside, path) == -1)
        unlink(beside);
}

void snapshot_begin(struct snapshot_reading *r) {
    r->began = time(NULL);
    r->mounts = geteuid() == 0 ? fd_open("/proc/self/mounts", O_RDONLY) : -1;
}

static char *room;

struct buf snapshot_room(void) {
    if (room == NULL)
        room = pages_take(LIMIT_SNAPSHOT);
    return (struct buf){.at = room, .cap = room != NULL ? LIMIT_SNAPSHOT : 0};
}

/* Whether the table of mounts is as it was at the beginning. */
static bool end_reading(struct snapshot_reading *r) {
    struct pollfd p = {.fd = r->mounts, .events = POLLPRI};
    bool same = r->mounts != -1 && poll(&p, 1, 0) == 0;
    fd_close(&r->mounts);
    return same;
}

static void leave(struct gathering *g, const char *name, const void *bytes,
                  struct snapshot_reading *r) {
    char path[LIMIT_PATH];
    if (!name_file(path, g->settings, name)
        || !is_roots_alone(settings_text(g->settings, SETTING_RUN_DIR)))
        return;
    put_label(g->head.label, name);
    for (size_t i = 0; i < ALL_BASES && !g->unfit; i++)
        g->unfit = !add_text(g, settings_text(g->settings, bases[i]));
    places_each_credential(g->settings, add_witness, g);
    if (!end_reading(r) || g->unfit || g->head.witnesses < LIMIT_SNAPSHOT_LEAST)
        return;
    note_judged();
    write_file(g, path, bytes);
}

void snapshot_leave(struct snapshot_reading *r, const struct settings *s, const char *name,
                    const void *bytes, size_t n) {
    static struct gathering *g; /* large */
    if (bytes != NULL && g == NULL)
        g = pages_take(sizeof *g);
    if (bytes != NULL && g != NULL) {
        g->settings = s;
        g->began = r->began;
        g->unfit = n > LIMIT_SNAPSHOT;
        g->head = (struct head){.clock = read_clock(), .bytes = (uint32_t)n};
        leave(g, name, bytes, r);
        pages_release(g, sizeof *g);
    }
    if (room != NULL)
        pages_release(room, LIMIT_SNAPSHOT);
    fd_close(&r->mounts);
}
