#include "base/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "limit.h"

static bool set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

void peer_probe(int fd, int idle, int interval, int count) {
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
}

bool peer_left_silently(int fd) {
    /* tcpi_state, and tcpi_bytes_received of Linux's struct tcp_info (tcp(7)), which the C
     * libraries' lag behind. */
    enum { RECEIVED = 128 };
    unsigned char info[RECEIVED + 8];
    socklen_t n = sizeof info;
    uint64_t received;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &n) == -1 || n < sizeof info)
        return false;
    memcpy(&received, info + RECEIVED, sizeof received);
    return info[0] == TCP_CLOSE_WAIT && received <= 1; /* the end counts for one */
}

long peer_unsent(int fd) {
    int n = 0;
    return ioctl(fd, TIOCOUTQ, &n) == -1 && ioctl(fd, FIONREAD, &n) == -1 ? 0 : n;
}

int64_t peer_stall_watch(struct peer_stall *s, int fd, bool sending, int64_t now) {
    if (!sending) {
        s->at = CLOCK_NEVER;
    } else if (s->at == CLOCK_NEVER) {
        s->at = clock_after(now, LIMIT_WRITE_STALL_MS);
        s->unsent = peer_unsent(fd);
    }
    return s->at;
}

bool peer_stalled(struct peer_stall *s, int fd, int64_t now) {
    if (now < s->at)
        return false;
    s->at = CLOCK_NEVER;
    return peer_unsent(fd) >= s->unsent;
}

bool peer_no_delay(int fd) { return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

void peer_hold_no_more_than(int fd, int bytes) {
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

void peer_drain(int fd) {
    int64_t deadline = clock_after(clock_now(), LIMIT_DRAIN_MS), left;
    static char dropped[16384]; /* static: what nothing comes into is never touched */
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    for (size_t n = 0;
         n < LIMIT_DRAIN && (left = deadline - clock_now()) > 0 && poll(&pfd, 1, (int)left) == 1;) {
        ssize_t got = read(fd, dropped, sizeof dropped);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
        n += got > 0 ? (size_t)got : 0;
    }
}
