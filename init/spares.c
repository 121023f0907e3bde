#include "spares.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "core/watch.h"
#include "links.h"
#include "serve.h"
#include "spawn.h"

/* Those of a listener, the oldest first. */
static struct spares {
    struct spare {
        pid_t pid;
        int link;
    } list[LIMIT_SPARES];
    size_t count, wanted;
    int64_t less_at; /* when one less is wanted, down to as many as at rest */
    int64_t from;    /* none is started before */
} spares[LIMIT_LISTENERS];

static size_t at_rest;
static int changes = -1, mounts = -1; /* inotify(7), and the table of mounts (proc(5)) */
static bool is_watched;               /* what these tell is all there is to know */
static pid_t watcher;                 /* the process that sees to that; 0: there is none */
static int64_t watch_from;            /* it is not started before */

void spares_open(struct supervisor *v) {
    at_rest = (size_t)settings_number(&v->settings, SETTING_SPARE);
    if (at_rest == 0)
        return;
    accounts_refresh_groups(&v->accounts, &v->settings, v->environment, v->in_container);
    changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    mounts = fd_open("/proc/self/mounts", O_RDONLY);
    if (changes == -1 || mounts == -1)
        spares_close();
}

/* ---- the end ---- */

static void take_out(struct spares *s, size_t i) {
    s->count--;
    memmove(&s->list[i], &s->list[i + 1], (s->count - i) * sizeof *s->list);
}

/* Its front is of the same process group. */
static void end_oldest(struct spares *s) {
    kill(-s->list[0].pid, SIGKILL);
    close(s->list[0].link);
    take_out(s, 0);
}

void spares_end(void) {
    for (size_t i = 0; i < LIMIT_LISTENERS; i++)
        while (spares[i].count > 0)
            end_oldest(&spares[i]);
}

void spares_pause(int64_t now) {
    spares_end();
    for (size_t i = 0; i < LIMIT_LISTENERS; i++)
        spares[i].from = clock_after(now, LIMIT_SPARE_MS);
}

void spares_close(void) {
    spares_end();
    if (watcher > 0)
        kill(watcher, SIGKILL);
    is_watched = false;
    fd_close(&changes);
    fd_close(&mounts);
}

/* ---- what they have read ---- */

/* Something has changed. What else does in the next moment is seen in one go. */
static void note_change(int64_t now) {
    is_watched = false;
    watch_from = clock_after(now, LIMIT_SPARE_MS);
    spares_end();
    for (size_t i = 0; i < LIMIT_LISTENERS; i++)
        spares[i].from = now;
}

static void put_slots(struct pollfd slots[SPARES_SLOTS]) {
    slots[0] = (struct pollfd){.fd = is_watched ? changes : -1, .events = POLLIN};
    slots[1] = (struct pollfd){.fd = is_watched ? mounts : -1, .events = POLLPRI};
}

/* As of now. */
static bool has_changed(int64_t now) {
    struct pollfd slots[SPARES_SLOTS];
    put_slots(slots);
    if (is_watched && poll(slots, SPARES_SLOTS, 0) != 0)
        note_change(now);
    return !is_watched;
}

/* What decides where settings stand takes a parser, which this process is to be without. */
static void start_watcher(const struct supervisor *v, int64_t now) {
    char told[4096];
    while (read(changes, told, sizeof told) > 0) {
    }
    watcher = fork();
    if (watcher == -1) { /* tried again later */
        watcher = 0;
        watch_from = clock_after(now, LIMIT_SHORT_NOTE_MS);
        return;
    }
    if (watcher != 0)
        return;
    if (dup2(changes, 0) == -1)
        _exit(1);
    fd_close_from(3);
    _exit(watch_configuration(0, v->environment, spawn_path()) ? 0 : 1);
}

/* A change while it was at work shows when the first connection is to be given away. */
static void end_watcher(int status, int64_t now) {
    watcher = 0;
    is_watched = status == 0;
    if (!is_watched)
        watch_from = clock_after(now, LIMIT_SHORT_NOTE_MS);
}

void spares_note_end(pid_t pid, int status, int64_t now) {
    if (pid == watcher)
        end_watcher(status, now);
    for (struct spares *s = spares; s < spares + LIMIT_LISTENERS; s++)
        for (size_t i = 0; i < s->count; i++)
            if (s->list[i].pid == pid) { /* which the next one may do too, if it can't serve */
                close(s->list[i].link);
                take_out(s, i);
                s->from =
                    clock_after(now, WIFEXITED(status) ? LIMIT_SHORT_NOTE_MS : LIMIT_SPARE_MS);
            }
}

/* ---- the connection ---- */

pid_t spares_give(unsigned number, int fd, const struct buf *addresses, int *link, int64_t now) {
    struct spares *s = &spares[number];
    struct spare first = s->list[0];
    if (has_changed(now))
        return -1;
    /* If the oldest is not ready no other is. */
    if (s->count == 0 || !init_link_give(first.link, fd, addresses->at, addresses->len)) {
        s->wanted += s->wanted < LIMIT_SPARES;
        s->less_at = clock_after(now, LIMIT_SPARE_MS);
        return -1;
    }
    take_out(s, 0);
    *link = first.link;
    return first.pid;
}

/* ---- the start ---- */

static bool start_one(struct spares *s, const struct listener *l) {
    int link[2];
    links_make(link);
    pid_t pid = link[0] != -1 ? serve_spare(l, link[1]) : -1;
    fd_close(&link[1]);
    if (pid == -1)
        fd_close(&link[0]);
    else
        s->list[s->count++] = (struct spare){pid, link[0]};
    return pid != -1;
}

static void fill_up(struct spares *s, const struct listener *l, int64_t now) {
    if (s->wanted > at_rest && now >= s->less_at) {
        s->wanted--;
        s->less_at = clock_after(now, LIMIT_SPARE_MS);
    }
    if (s->wanted < at_rest)
        s->wanted = at_rest;
    while (s->count > s->wanted)
        end_oldest(s);
    while (s->count < s->wanted && now >= s->from)
        if (!start_one(s, l))
            s->from = clock_after(now, LIMIT_SPARE_MS);
}

/* Whether there are to be any for it. */
static bool is_served(const struct listener *l) { return is_watched && l->fd != -1; }

void spares_tick(struct supervisor *v, int64_t now) {
    if (changes != -1 && !is_watched && watcher == 0 && now >= watch_from)
        start_watcher(v, now);
    for (size_t i = 0; i < v->listener_count; i++)
        if (is_served(&v->listeners[i]))
            fill_up(&spares[i], &v->listeners[i], now);
}

/* ---- the loop ---- */

/* The deadline is that of what spares_tick does, and of nothing else: it is called until that is.
 */
int64_t spares_watch(const struct supervisor *v, struct pollfd slots[SPARES_SLOTS]) {
    int64_t deadline = CLOCK_NEVER;
    put_slots(slots);
    if (changes != -1 && !is_watched && watcher == 0)
        deadline = watch_from;
    for (size_t i = 0; i < v->listener_count; i++) {
        const struct spares *s = &spares[i];
        if (is_served(&v->listeners[i]) && s->count < s->wanted)
            deadline = clock_earlier(deadline, s->from);
        if (is_served(&v->listeners[i]) && s->wanted > at_rest)
            deadline = clock_earlier(deadline, s->less_at);
    }
    return deadline;
}

void spares_ready(const struct pollfd slots[SPARES_SLOTS], int64_t now) {
    if (slots[0].revents != 0 || slots[1].revents != 0)
        note_change(now);
}
