#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/random.h>
#include <unistd.h>

static bool read_device(char *bytes, size_t n) {
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    if (fd == -1)
        return false;
    while (n > 0 && ((got = read(fd, bytes, n)) > 0 || (got == -1 && errno == EINTR))) {
        bytes += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
    if (got == 0)
        errno = ENODATA; /* an empty file stands there */
    close(fd);
    return n == 0;
}

int random_fill(void *bytes, size_t n) {
    /* As many as 256 come at once, without an interruption (getrandom(2)). */
    return getrandom(bytes, n, 0) == (ssize_t)n || read_device(bytes, n) ? 0 : -1;
}
