#include "core/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/fd_passing.h"
#include "core/record_file.h"

_Static_assert(sizeof(struct record_head) <= RECORD_HEAD, "the head has a page");

/* ---- the facts ---- */

/* Every change stands between these two. */
static struct record_facts *begin_change(struct record *r) {
    atomic_fetch_add_explicit(&r->head->changes, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    return &r->head->facts;
}

static void end_change(struct record *r) {
    atomic_thread_fence(memory_order_seq_cst);
    atomic_fetch_add_explicit(&r->head->changes, 1, memory_order_relaxed);
}

/* ---- the beginning ---- */

static int fail(struct record *r, int error) {
    if (r->name[0] != '\0')
        unlinkat(r->directory, r->name, 0);
    record_leave(r);
    errno = error;
    return -1;
}

/* Makes the file, and takes its lock. Before that is taken the file looks like one that was left
 * behind, and whoever cleans up may have the lock, and remove it (record_make_room): then it is
 * made again. */
static int make_locked(struct record *r) {
    for (int i = 0; i < LIMIT_RECORD_READS; i++) {
        struct flock lock;
        struct stat st;
        r->fd = openat(r->directory, r->name,
                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (r->fd == -1)
            return -1;
        if (record_lock(r->fd, F_OFD_SETLK, &lock) == 0 && fstat(r->fd, &st) == 0
            && st.st_nlink == 1)
            return 0;
        unlinkat(r->directory, r->name, 0);
        fd_close(&r->fd);
    }
    errno = EAGAIN;
    return -1;
}

/* The page of the head is written, and not only made by its mapping: so the file system has room
 * for it before anything relies on that. */
static int make_file(struct record *r) {
    char empty[RECORD_HEAD] = "";
    if (make_locked(r) == -1)
        return -1;
    errno = ENOSPC;
    if (pwrite(r->fd, empty, sizeof empty, 0) != (ssize_t)sizeof empty)
        return -1;
    r->head = record_map(r->fd, true);
    return r->head != NULL ? 0 : -1;
}

int record_create(struct record *r, int run_dir, const char *role, const char *run,
                  const char *channel, const char *user, uint64_t most) {
    *r = (struct record){.directory = -1, .fd = -1, .control = -1};
    for (size_t i = 0; i < LIMIT_FOLLOWERS; i++)
        r->follower[i] = -1;
    r->directory = record_folder(run_dir, role, true);
    if (r->directory == -1)
        return -1;
    snprintf(r->name, sizeof r->name, ".%s", run);
    if (make_file(r) == -1)
        return fail(r, errno);
    r->head->version = RECORD_VERSION;
    r->head->first = (int64_t)(most / 2);
    r->head->last = (int64_t)(most - most / 2);
    struct record_about *about = &begin_change(r)->about;
    snprintf(about->run, sizeof about->run, "%s", run);
    snprintf(about->role, sizeof about->role, "%s", role != NULL ? role : "");
    snprintf(about->user, sizeof about->user, "%s", user);
    snprintf(about->channel, sizeof about->channel, "%s", channel);
    about->state = RECORD_WAITING;
    about->since = record_now();
    end_change(r);
    return 0;
}

void record_running(struct record *r) {
    if (r->head == NULL)
        return;
    struct record_about *about = &begin_change(r)->about;
    about->state = RECORD_RUNNING;
    about->started = record_now();
    end_change(r);
}

/* ---- who else wants something of it ---- */

static bool open_control(struct record *r) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[RECORD_SOCKET];
    record_socket_name(name, r->name + 1);
    memcpy(address.sun_path, name, sizeof name);
    r->control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* A path may be longer than an address has room for: the name is put where this process is. */
    if (r->control == -1 || fchdir(r->directory) == -1)
        return false;
    bool bound = bind(r->control, (const struct sockaddr *)&address, sizeof address) == 0;
    return chdir("/") == 0 && bound;
}

static void add_follower(struct record *r, int pipe) {
    for (size_t i = 0; i < LIMIT_FOLLOWERS; i++)
        if (r->follower[i] == -1) {
            r->follower[i] = pipe;
            return;
        }
    close(pipe); /* it sees by that that nobody will tell it */
}

void record_take_control(struct record *r) {
    struct record_control control;
    int pipe;
    ssize_t n = fd_receive(r->control, &control, sizeof control, &pipe, 1, MSG_DONTWAIT);
    bool whole = n == (ssize_t)sizeof control;
    if (whole && control.what == RECORD_CONTROL_FOLLOW && pipe != -1) {
        add_follower(r, pipe);
        return;
    }
    fd_close(&pipe);
    if (whole && control.what == RECORD_CONTROL_KILL && !r->is_killed) {
        r->is_killed = true;
        snprintf(r->killer, sizeof r->killer, "%.*s", LIMIT_USER - 1, control.user);
    }
}

/* One that has been told already and has not looked yet needs no second word. */
static void wake_followers(struct record *r) {
    for (size_t i = 0; i < LIMIT_FOLLOWERS; i++)
        if (r->follower[i] != -1 && write(r->follower[i], "", 1) == -1 && errno == EPIPE)
            fd_close(&r->follower[i]);
}

void record_hide(struct record *r) {
    unlinkat(r->directory, r->name, 0);
    r->name[0] = '\0';
}

int record_list(struct record *r, uint64_t keep) {
    const char *run = r->name + 1;
    int got = -1;
    if (r->head == NULL || flock(r->directory, LOCK_EX) == -1)
        return -1;
    if (!record_make_room(r->directory, keep))
        got = 1;
    else if (open_control(r) && renameat(r->directory, r->name, r->directory, run) == 0)
        got = 0;
    int error = errno;
    if (got == 0) {
        memmove(r->name, run, MESSAGE_RUN_ID);
        r->is_listed = true;
        begin_change(r)->about.is_listed = 1;
        end_change(r);
    }
    flock(r->directory, LOCK_UN);
    errno = error;
    return got;
}

/* ---- the output ---- */

/* Writes n bytes of the output whose place is `at`. Returns how many could be written. */
static size_t put(const struct record *r, const char *bytes, size_t n, int64_t at) {
    const struct record_head *h = r->head;
    size_t done = 0;
    while (done < n) {
        int64_t place = at + (int64_t)done, offset = place, room = h->first - place;
        if (place >= h->first) {
            offset = h->first + (place - h->first) % h->last;
            room = h->first + h->last - offset;
        }
        size_t piece = n - done < (size_t)room ? n - done : (size_t)room;
        ssize_t w = pwrite(r->fd, bytes + done, piece, RECORD_HEAD + offset);
        if (w <= 0 && errno != EINTR)
            break;
        done += w > 0 ? (size_t)w : 0;
    }
    return done;
}

void record_add(struct record *r, const char *bytes, size_t n) {
    if (r->head == NULL || n == 0)
        return;
    struct record_facts *facts = begin_change(r);
    facts->about.bytes += (int64_t)n;
    if (!facts->is_full)
        facts->begun += (int64_t)n;
    end_change(r);
    if (facts->is_full)
        return;
    size_t done = put(r, bytes, n, facts->written);
    begin_change(r);
    facts->is_full = done < n;
    facts->written += (int64_t)done;
    facts->begun = facts->written;
    end_change(r);
    wake_followers(r);
}

/* ---- the end ---- */

static void close_listed(struct record *r) {
    if (r->is_listed) {
        char name[RECORD_SOCKET];
        record_socket_name(name, r->name);
        unlinkat(r->directory, name, 0);
    }
    record_leave(r); /* which wakes those who follow */
}

void record_end(struct record *r, const struct outcome *o, int64_t ms) {
    char text[512];
    struct buf b = BUF_ON(text);
    if (r->head == NULL)
        return;
    if (!r->is_listed && r->name[0] != '\0')
        unlinkat(r->directory, r->name, 0);
    outcome_tell(&b, o, "\n");
    record_add(r, b.at, b.len);
    struct record_about *about = &begin_change(r)->about;
    about->state = RECORD_ENDED;
    about->kind = (uint8_t)o->kind;
    about->code = o->code;
    about->signal = o->signal;
    about->ms = ms;
    end_change(r);
    close_listed(r);
}

void record_share(struct record *r, const char *run) {
    if (r->head == NULL)
        return;
    if (!r->is_listed && r->name[0] != '\0')
        unlinkat(r->directory, r->name, 0);
    struct record_about *about = &begin_change(r)->about;
    about->state = RECORD_SHARED;
    snprintf(about->shares, sizeof about->shares, "%s", run);
    end_change(r);
    close_listed(r);
}

void record_leave(struct record *r) {
    if (r->head != NULL)
        munmap(r->head, RECORD_HEAD);
    r->head = NULL;
    fd_close(&r->control);
    for (size_t i = 0; i < LIMIT_FOLLOWERS; i++)
        fd_close(&r->follower[i]);
    fd_close(&r->fd);
    fd_close(&r->directory);
}
