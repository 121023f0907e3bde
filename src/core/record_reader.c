/* record_reader.c: a record as others than its keeper see it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/record.h"
#include "core/record_file.h"

/* ---- what a record is made of ---- */

int record_lock(int fd, int operation, struct flock *lock) {
    *lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    return fcntl(fd, operation, lock);
}

struct record_head *record_map(int fd, bool writes) {
    void *at =
        mmap(NULL, RECORD_HEAD, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

int64_t record_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A keeper that was killed within a change has left the number odd: what is there is taken then. */
void record_facts(const struct record_head *head, struct record_facts *facts) {
    _Atomic uint32_t *changes = (_Atomic uint32_t *)(uintptr_t)&head->changes;
    for (int i = 0; i < LIMIT_RECORD_READS; i++) {
        uint32_t before = atomic_load_explicit(changes, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        memcpy(facts, &head->facts, sizeof *facts);
        atomic_thread_fence(memory_order_seq_cst);
        if (before % 2 == 0 && atomic_load_explicit(changes, memory_order_relaxed) == before)
            return;
        sched_yield();
    }
}

/* ---- one record ---- */

static bool open_in(struct record_reader *r, int folder, const char *name) {
    struct stat st;
    *r = (struct record_reader){.fd = -1, .wake = -1};
    r->fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (r->fd != -1 && fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid()
        && st.st_size >= RECORD_HEAD)
        r->head = record_map(r->fd, false);
    if (r->head != NULL && r->head->version == RECORD_VERSION && r->head->first >= 0
        && r->head->last > 0)
        return true;
    record_close(r);
    return false;
}

bool record_open(struct record_reader *r, int run_dir, const char *role, const char *run) {
    *r = (struct record_reader){.fd = -1, .wake = -1};
    if (!record_is_name(run))
        return false;
    int folder = record_folder(run_dir, role, false);
    bool opened = folder != -1 && open_in(r, folder, run);
    fd_close(&folder);
    r->run_dir = run_dir;
    r->role = role;
    return opened;
}

bool record_open_shared(struct record_reader *r) {
    struct record_reader other;
    struct record_about about;
    record_look(r, &about);
    if (about.state != RECORD_SHARED || !record_open(&other, r->run_dir, r->role, about.shares))
        return false;
    record_follow(&other, r->run_dir, r->role);
    record_close(r);
    *r = other;
    return true;
}

bool record_open_own(struct record_reader *r, struct record *own, int run_dir, const char *role) {
    int ends[2];
    if (!open_in(r, own->directory, own->name))
        return false;
    r->run_dir = run_dir;
    r->role = role;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        r->wake = ends[0];
        own->follower[0] = ends[1];
        return true;
    }
    record_close(r);
    return false;
}

void record_close(struct record_reader *r) {
    if (r->head != NULL)
        munmap((void *)(uintptr_t)r->head, RECORD_HEAD);
    r->head = NULL;
    fd_close(&r->wake);
    fd_close(&r->fd);
}

/* Says something to the keeper. It takes it soon, or is stopped. */
static void tell_keeper(const struct record_reader *r, int run_dir, const char *role,
                        const struct record_control *control, int pipe) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval most = {.tv_sec = LIMIT_LINK_MS / 1000};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof pipe)];
    } ancillary = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {(void *)(uintptr_t)control, sizeof *control};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    if (pipe != -1) {
        ancillary.head.cmsg_len = CMSG_LEN(sizeof pipe);
        memcpy(CMSG_DATA(&ancillary.head), &pipe, sizeof pipe);
        message.msg_control = &ancillary;
        message.msg_controllen = sizeof ancillary;
    }
    record_socket_name(address.sun_path, r->head->facts.about.run);
    int folder = record_folder(run_dir, role, false);
    int link = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (folder != -1 && link != -1 && fchdir(folder) == 0) {
        setsockopt(link, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
        sendmsg(link, &message, MSG_NOSIGNAL);
        if (chdir("/") == -1)
            errno = 0; /* it is as good as the folder */
    }
    fd_close(&link);
    fd_close(&folder);
}

void record_follow(struct record_reader *r, int run_dir, const char *role) {
    const struct record_control control = {.what = RECORD_CONTROL_FOLLOW};
    int ends[2];
    if (r->wake != -1 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
        return;
    tell_keeper(r, run_dir, role, &control, ends[1]);
    close(ends[1]);
    r->wake = ends[0];
}

void record_kill(const struct record_reader *r, int run_dir, const char *role, const char *user) {
    struct record_control control = {.what = RECORD_CONTROL_KILL};
    snprintf(control.user, sizeof control.user, "%s", user);
    tell_keeper(r, run_dir, role, &control, -1);
}

/* ---- what it says ---- */

/* Where the output goes on behind a part that is left out, if it is. */
static int64_t oldest(const struct record_head *h, const struct record_facts *f) {
    return f->begun - h->last > h->first ? f->begun - h->last : h->first;
}

/* The line for a part that is left out. */
static size_t put_gap(char line[64], int64_t bytes) {
    return (size_t)snprintf(line, 64, "\n(%lld bytes of output are left out here)\n",
                            (long long)bytes);
}

static size_t put_end(char line[64], int64_t bytes) {
    return (size_t)snprintf(line, 64, "\n(%lld more bytes were not kept: no room)\n",
                            (long long)bytes);
}

static int64_t length_of(const struct record_head *h, const struct record_facts *f) {
    char line[64];
    int64_t from = oldest(h, f), lost = f->about.bytes - f->written;
    int64_t n = f->written <= h->first ? f->written : h->first + f->written - from;
    if (f->written > h->first && from > h->first)
        n += (int64_t)put_gap(line, from - h->first);
    return n + (int64_t)(lost > 0 ? put_end(line, lost) : 0);
}

/* A run that has ended is seen to have before its lock is seen to be gone. */
void record_look(const struct record_reader *r, struct record_about *about) {
    struct record_facts facts;
    struct flock lock;
    bool is_kept = record_lock(r->fd, F_OFD_GETLK, &lock) == -1 || lock.l_type != F_UNLCK;
    record_facts(r->head, &facts);
    *about = facts.about;
    about->is_truncated = facts.is_full || oldest(r->head, &facts) > r->head->first;
    about->length = length_of(r->head, &facts);
    if (about->state != RECORD_ENDED && about->state != RECORD_SHARED && !is_kept)
        about->state = RECORD_LOST;
    if (about->state == RECORD_RUNNING)
        about->ms = (record_now() - about->started) / 1000;
}

bool record_is_over(const struct record_about *about) {
    return about->state != RECORD_WAITING && about->state != RECORD_RUNNING;
}

enum outcome_kind record_outcome(const struct record_about *about) {
    return about->state == RECORD_ENDED ? (enum outcome_kind)about->kind
           : record_is_over(about)      ? OUTCOME_LOST
                                        : OUTCOME_KEPT;
}

/* Reads at most n bytes of the file from r->at on, to `most`. They count where they were not
 * overwritten meanwhile. */
static size_t read_file(struct record_reader *r, char *out, size_t n, int64_t most) {
    const struct record_head *h = r->head;
    struct record_facts facts;
    int64_t offset = r->at, room = (most < h->first ? most : h->first) - r->at;
    if (r->at >= h->first) {
        offset = h->first + (r->at - h->first) % h->last;
        room = h->first + h->last - offset;
        room = most - r->at < room ? most - r->at : room;
    }
    ssize_t got = pread(r->fd, out, (int64_t)n < room ? n : (size_t)room, RECORD_HEAD + offset);
    record_facts(h, &facts);
    if (got <= 0 || (r->at >= h->first && r->at < oldest(h, &facts)))
        return 0;
    r->at += got;
    return (size_t)got;
}

static size_t take_line(struct record_reader *r, char *out, size_t n) {
    size_t left = r->line_n - r->line_at;
    n = n < left ? n : left;
    memcpy(out, r->line + r->line_at, n);
    r->line_at += n;
    return n;
}

size_t record_read(struct record_reader *r, char *out, size_t n) {
    for (;;) {
        struct record_facts f;
        if (r->line_at < r->line_n)
            return take_line(r, out, n);
        record_facts(r->head, &f);
        int64_t from = oldest(r->head, &f), lost = f.about.bytes - f.written;
        r->line_at = r->line_n = 0;
        if (r->at >= r->head->first && r->at < from) {
            r->line_n = put_gap(r->line, from - r->at);
            r->at = from;
        } else if (r->at < f.written) {
            size_t got = read_file(r, out, n, f.written);
            if (got > 0)
                return got;
            record_facts(r->head, &f);
            if (r->at < r->head->first || r->at >= oldest(r->head, &f))
                return 0; /* the file can't be read */
        } else if (f.about.state == RECORD_ENDED && lost > 0 && !r->has_told) {
            r->line_n = put_end(r->line, lost);
            r->has_told = true;
        } else {
            return 0;
        }
    }
}
