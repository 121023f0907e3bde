#include "core/deliveries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "limit.h"

/* One place of the file. Numbers are this machine's: no file outlives a start of it. */
struct record {
    unsigned char name[SHA256_SIZE];
    uint64_t number; /* counts up with each delivery that begins */
    uint64_t state;
};
enum { FREE, RUNNING, DONE };

/* A lock for writing on the first byte of a place. */
static int lock_place(int fd, int operation, size_t place, struct flock *lock) {
    *lock = (struct flock){.l_type = F_WRLCK,
                           .l_whence = SEEK_SET,
                           .l_start = (off_t)(place * sizeof(struct record)),
                           .l_len = 1};
    return fcntl(fd, operation, lock);
}

static bool is_running(int fd, const struct record *table, size_t place) {
    struct flock lock;
    return table[place].state == RUNNING && lock_place(fd, F_OFD_GETLK, place, &lock) == 0
           && lock.l_type != F_UNLCK;
}

static int put_record(int fd, size_t place, const struct record *record) {
    ssize_t n = pwrite(fd, record, sizeof *record, (off_t)(place * sizeof *record));
    return n == (ssize_t)sizeof *record ? 0 : -1;
}

/* The place for a new delivery: one that nobody uses, or the oldest that is not running. Returns
 * LIMIT_DELIVERIES where there is none. */
static size_t find_place(int fd, const struct record *table) {
    size_t best = LIMIT_DELIVERIES;
    for (size_t i = 0; i < LIMIT_DELIVERIES; i++) {
        if (table[i].state == FREE)
            return i;
        if ((best == LIMIT_DELIVERIES || table[i].number < table[best].number)
            && !is_running(fd, table, i))
            best = i;
    }
    return best;
}

/* With flock(2) on the file. */
static enum delivery_state begin_locked(struct delivery *d, const unsigned char name[SHA256_SIZE]) {
    static struct record table[LIMIT_DELIVERIES]; /* large */
    struct record record = {.state = RUNNING, .number = 1};
    struct flock lock;
    memset(table, 0, sizeof table);
    if (fd_read_file(d->fd, table, sizeof table) == -1)
        return DELIVERY_ERROR;
    size_t place = LIMIT_DELIVERIES;
    for (size_t i = 0; i < LIMIT_DELIVERIES; i++) {
        if (table[i].state != FREE && memcmp(table[i].name, name, SHA256_SIZE) == 0)
            place = i;
        if (table[i].state != FREE && table[i].number >= record.number)
            record.number = table[i].number + 1;
    }
    if (place < LIMIT_DELIVERIES && table[place].state == DONE)
        return DELIVERY_DONE;
    if (place < LIMIT_DELIVERIES && is_running(d->fd, table, place))
        return DELIVERY_RUNNING;
    if (place == LIMIT_DELIVERIES)
        place = find_place(d->fd, table);
    d->place = place;
    memcpy(record.name, name, SHA256_SIZE);
    errno = EBUSY;
    return place < LIMIT_DELIVERIES && lock_place(d->fd, F_OFD_SETLK, place, &lock) == 0
                   && put_record(d->fd, place, &record) == 0
               ? DELIVERY_NEW
               : DELIVERY_ERROR;
}

static int lock_file(int fd) {
    int got;
    do
        got = flock(fd, LOCK_EX);
    while (got == -1 && errno == EINTR);
    return got;
}

enum delivery_state deliveries_begin(struct delivery *d, int directory,
                                     const unsigned char name[SHA256_SIZE]) {
    enum delivery_state state = DELIVERY_ERROR;
    d->fd = openat(directory, "deliveries",
                   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (d->fd != -1 && lock_file(d->fd) == 0)
        state = begin_locked(d, name);
    int error = errno;
    if (state == DELIVERY_NEW)
        flock(d->fd, LOCK_UN);
    else
        fd_close(&d->fd);
    errno = error;
    return state;
}

void deliveries_end(struct delivery *d, bool success) {
    struct record record;
    if (d->fd == -1)
        return;
    off_t at = (off_t)(d->place * sizeof record);
    if (lock_file(d->fd) == 0
        && pread(d->fd, &record, sizeof record, at) == (ssize_t)sizeof record) {
        record.state = success ? DONE : FREE;
        put_record(d->fd, d->place, &record);
    }
    fd_close(&d->fd);
}
