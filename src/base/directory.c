#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* What getdents64(2) puts into the bytes. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

void directory_take(struct directory *d, int fd) {
    d->fd = fd;
    d->at = d->end = 0;
    d->failed = false;
}

int directory_open(struct directory *d, const char *path) {
    directory_take(d, fd_open(path, O_RDONLY | O_DIRECTORY));
    return d->fd == -1 ? -1 : 0;
}

static bool read_more(struct directory *d) {
    long n = syscall(SYS_getdents64, d->fd, d->bytes, sizeof d->bytes);
    d->failed = n < 0;
    d->at = 0;
    d->end = n > 0 ? (size_t)n : 0;
    return n > 0;
}

const char *directory_next(struct directory *d, unsigned char *type) {
    while (d->at < d->end || read_more(d)) {
        const struct entry *e = (const struct entry *)(const void *)(d->bytes + d->at);
        d->at += e->length;
        if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
            continue;
        if (type != NULL)
            *type = e->type;
        return e->name;
    }
    return NULL;
}

void directory_close(struct directory *d) { fd_close(&d->fd); }
