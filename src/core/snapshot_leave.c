/* snapshot_leave.c: what the folders of credentials say now, left for the next process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pages.h"
#include "core/places.h"
#include "core/root_paths.h"
#include "core/snapshot_parts.h"

/* What is gathered; its parts are put together at the end. */
struct gathering {
    const struct settings *settings;
    time_t began;
    bool unfit;
    struct snapshot_head head;
    struct snapshot_mount mounts[LIMIT_SNAPSHOT_MOUNTS];
    struct snapshot_witness witnesses[LIMIT_SNAPSHOT_FILES];
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

/* Where the path goes on below one of `snapshot_bases`, whose index is *base then; or all of it. */
static const char *below_base(const struct settings *s, const char *path, uint32_t *base) {
    for (*base = 0; *base < SNAPSHOT_BASES; ++*base) {
        const char *above = settings_text(s, snapshot_bases[*base]);
        size_t n = strlen(above);
        if (strncmp(path, above, n) == 0 && path[n] == '/' && path[n + 1] != '\0')
            return path + n + 1;
    }
    return path;
}

static bool add_mount(struct gathering *g, const struct snapshot_witness *w, const char *path) {
    uint32_t i = 0;
    while (i < g->head.mounts && g->mounts[i].id != w->mount)
        i++;
    if (i < g->head.mounts)
        return true;
    if (i == LIMIT_SNAPSHOT_MOUNTS)
        return false;
    g->mounts[i] = (struct snapshot_mount){.id = w->mount, .witness = g->head.witnesses};
    g->head.mounts++;
    return snapshot_look_at_mount(&g->mounts[i], path);
}

/* Whether it has been at rest for so long that the next change will have another time. */
static bool is_settled(const struct gathering *g, const struct snapshot_witness *w) {
    time_t latest = g->began - LIMIT_SNAPSHOT_REST_S;
    return w->changed_s < latest && w->modified_s < latest;
}

static void add_witness(void *context, const struct place *place) {
    struct gathering *g = context;
    struct snapshot_witness *w = &g->witnesses[g->head.witnesses];
    if (g->unfit)
        return;
    g->unfit = true;
    if (place->hidden || g->head.witnesses == LIMIT_SNAPSHOT_FILES)
        return;
    *w = (struct snapshot_witness){.path = g->head.texts};
    int error = snapshot_look(w, AT_FDCWD, place->path);
    w->missing = error == ENOENT;
    struct stat st = {.st_uid = w->uid, .st_mode = w->mode};
    if ((error != 0 && error != ENOENT) || S_ISLNK(w->mode)
        || !((error == 0 && root_paths_has_open(place->path, &st))
             || snapshot_is_roots_alone(place->path))
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
    if (!snapshot_name_file(path, g->settings, name)
        || !snapshot_is_roots_alone(settings_text(g->settings, SETTING_RUN_DIR)))
        return;
    snapshot_put_label(g->head.label, name);
    for (size_t i = 0; i < SNAPSHOT_ALL_BASES && !g->unfit; i++)
        g->unfit = !add_text(g, settings_text(g->settings, snapshot_bases[i]));
    places_each_credential(g->settings, add_witness, g);
    if (!end_reading(r) || g->unfit || g->head.witnesses < LIMIT_SNAPSHOT_LEAST)
        return;
    snapshot_note_judged();
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
        g->head = (struct snapshot_head){.clock = snapshot_read_clock(), .bytes = (uint32_t)n};
        leave(g, name, bytes, r);
        pages_release(g, sizeof *g);
    }
    if (room != NULL)
        pages_release(room, LIMIT_SNAPSHOT);
    fd_close(&r->mounts);
}
