#include "core/watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/env.h"
#include "base/landlock_apart.h"
#include "base/run_directory.h"
#include "core/places.h"
#include "core/settings.h"
#include "core/snapshot.h"
#include "limit.h"

enum {
    ITSELF = IN_MOVE_SELF | IN_DELETE_SELF,
    /* of a directory also the owners and modes of what is in it */
    STATE = ITSELF | IN_ATTRIB,
    ENTRIES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
    LINKS = 8 /* from one to the next */
};

struct watch {
    int changes;
    const char *run_dir;
    size_t count;
    bool unfit;
};

static bool add(struct watch *w, const char *path, uint32_t events) {
    w->unfit = w->unfit || ++w->count > LIMIT_WATCHES;
    return inotify_add_watch(w->changes, path, events | IN_MASK_ADD | IN_DONT_FOLLOW) != -1;
}

/* What is not there, or must not be looked at, comes or changes with an event of the directory that
 * it would stand in. Returns whether it is watched itself after all. */
static bool add_above(struct watch *w, const char *path, size_t n, uint32_t events) {
    char above[LIMIT_PATH];
    memcpy(above, path, n);
    above[n] = '\0';
    w->unfit = w->unfit || !add(w, n > 0 ? above : "/", STATE | ENTRIES);
    return add(w, path, events);
}

static void watch_path(struct watch *w, const char *path, int links);

/* (A function of its own, for the large pieces of the stack.) */
static void follow_link(struct watch *w, const char *path, size_t above, int links) {
    char target[LIMIT_PATH], whole[2 * LIMIT_PATH];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
        return;
    target[n] = '\0';
    snprintf(whole, sizeof whole, "%.*s/%s", (int)above, path, target);
    watch_path(w, target[0] == '/' ? target : whole, links + 1);
}

/* Watches each directory and each link on the way, and what is there. Of directories in which this
 * program writes by itself it is told only that they go. */
static void watch_path(struct watch *w, const char *path, int links) {
    char way[2 * LIMIT_PATH];
    struct statfs fs;
    size_t above = 0, length = strlen(path);
    w->unfit =
        w->unfit || length >= sizeof way || path[0] != '/' || links > LINKS || !add(w, "/", STATE);
    for (size_t n = 1; !w->unfit && n <= length; n++) {
        if (path[n] != '/' && path[n] != '\0')
            continue;
        memcpy(way, path, n);
        way[n] = '\0';
        bool is_ours = strcmp(way, RUN_DIRECTORY) == 0 || strcmp(way, w->run_dir) == 0;
        uint32_t events = is_ours       ? (uint32_t)ITSELF
                          : n == length ? STATE | ENTRIES | IN_MODIFY
                                        : (uint32_t)STATE;
        if (!add(w, way, events)) {
            if (errno == ENOSPC || errno == ENOMEM)
                w->unfit = true;
            else if (!add_above(w, way, above, events))
                return;
        }
        w->unfit = w->unfit || statfs(way, &fs) == -1 || !snapshot_is_local(&fs);
        follow_link(w, way, above, links);
        above = n;
    }
}

static void watch_place(void *context, const struct place *place) {
    struct watch *w = context;
    w->unfit = w->unfit || place->hidden;
    if (!w->unfit)
        watch_path(w, place->path, 0);
}

bool watch_configuration(int changes, char *const *environment, const char *program) {
    static struct settings s; /* large */
    struct watch w = {.changes = changes, .run_dir = RUN_DIRECTORY};
    const struct settings_places places = {environment, settings_directories};
    watch_path(&w, SETTINGS_DIRECTORY, 0); /* before it says where the rest is */
    watch_path(&w, "/etc/passwd", 0);
    watch_path(&w, "/etc/group", 0);
    watch_path(&w, program, 0);
    if (env_get(environment, LANDLOCK_APART_VARIABLE) != NULL) /* what that was made of */
        w.unfit = w.unfit || !add(&w, "/", ENTRIES) || !add(&w, "/dev", ENTRIES);
    if (settings_read(&s, &places, NEED_RUN_DIR | NEED_TLS) == -1)
        return false;
    w.run_dir = settings_text(&s, SETTING_RUN_DIR);
    places_each(&s, (struct places_wanted){.keys = true}, watch_place, &w);
    return !w.unfit;
}
