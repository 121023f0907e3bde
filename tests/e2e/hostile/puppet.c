/* puppet.c: a front that is taken over by the test: linked with --wrap, it does from its first
 * moment what the client says, of HTTP or of SSH, instead of what it is for. On descriptor 0 comes
 * one letter at a time, with what belongs to it; numbers are 32 bits wide, in this machine's order.
 *
 * - s COUNT FDS N BYTES: sends that packet to the monitor COUNT times, with FDS descriptors, of
 *   which the first is the socket to the monitor itself, and any other 0; says how many were taken,
 *   and the errno of the one that was not, or 0.
 * - t COUNT FDS N BYTES: the same, but the first descriptor is standard input.
 * - p COUNT FDS N BYTES: the same, but it is /dev/ptmx.
 * - r: waits for a packet; says how long it is (-1: the monitor is gone), and it.
 * - c: closes the socket to the monitor; says 0.
 * - h: does nothing any more, for ever.
 * - k: ends by a signal that is its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/peer.h"
#include "core/front.h"

bool __wrap_front_wait_ready(struct front *f);

#ifdef HASTE
int64_t __real_clock_now(void);
int64_t __wrap_clock_now(void);
struct timespec *__real_clock_left(int64_t deadline, int64_t now, struct timespec *ts);
struct timespec *__wrap_clock_left(int64_t deadline, int64_t now, struct timespec *ts);
unsigned __real_alarm(unsigned seconds);
unsigned __wrap_alarm(unsigned seconds);

enum { FASTER = 200 };

int64_t __wrap_clock_now(void) { return __real_clock_now() * FASTER; }

struct timespec *__wrap_clock_left(int64_t deadline, int64_t now, struct timespec *ts) {
    struct timespec *left = __real_clock_left(deadline, now, ts);
    if (left == NULL)
        return NULL;
    int64_t ns = (left->tv_sec * INT64_C(1000000000) + left->tv_nsec) / FASTER;
    *ts = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = (long)(ns % 1000000000)};
    return ts;
}

unsigned __wrap_alarm(unsigned seconds) {
    (void)seconds;
    return __real_alarm(1);
}
#endif

static int link_fd;

static void must(bool true_) {
    if (!true_)
        _exit(0);
}

static void take(void *at, size_t n) {
    for (size_t got = 0; got < n;) {
        struct pollfd pfd = {.fd = 0, .events = POLLIN};
        poll(&pfd, 1, -1);
        ssize_t now = read(0, (char *)at + got, n - got);
        must(now > 0 || (now == -1 && errno == EAGAIN));
        got += now > 0 ? (size_t)now : 0;
    }
}

static uint32_t take_number(void) {
    uint32_t n;
    take(&n, sizeof n);
    return n;
}

static void say(const void *at, size_t n) {
    for (size_t sent = 0; sent < n;) {
        struct pollfd pfd = {.fd = 1, .events = POLLOUT};
        poll(&pfd, 1, -1);
        ssize_t now = write(1, (const char *)at + sent, n - sent);
        must(now > 0 || (now == -1 && errno == EAGAIN));
        sent += now > 0 ? (size_t)now : 0;
    }
}

static void say_number(uint32_t n) { say(&n, sizeof n); }

static char packet[1 << 20];

static void send_packets(int first) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(250 * sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    uint32_t count = take_number(), fds = take_number(), n = take_number(), sent = 0;
    take(packet, n);
    struct iovec at = {packet, n};
    struct msghdr message = {.msg_iov = &at, .msg_iovlen = 1};
    int list[250] = {first};
    if (fds > 0) {
        control.head.cmsg_len = (socklen_t)CMSG_LEN(fds * sizeof(int));
        memcpy(CMSG_DATA(&control.head), list, fds * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = control.head.cmsg_len;
    }
    errno = 0;
    while (sent < count && sendmsg(link_fd, &message, MSG_NOSIGNAL) != -1)
        sent++;
    say_number(sent);
    say_number((uint32_t)errno);
}

static void receive_packet(void) {
    struct iovec at = {packet, sizeof packet};
    struct msghdr message = {.msg_iov = &at, .msg_iovlen = 1}; /* descriptors are dropped */
    ssize_t n = recvmsg(link_fd, &message, 0);
    say_number(n > 0 ? (uint32_t)n : UINT32_MAX);
    say(packet, n > 0 ? (size_t)n : 0);
}

bool __wrap_front_wait_ready(struct front *f) {
    peer_no_delay(1); /* the server itself does so after this */
    link_fd = f->link;
    for (;;) {
        char letter;
        take(&letter, 1);
        if (letter == 's')
            send_packets(link_fd);
        else if (letter == 't')
            send_packets(0);
        else if (letter == 'p')
            send_packets(open("/dev/ptmx", O_RDWR | O_NOCTTY));
        else if (letter == 'r')
            receive_packet();
        else if (letter == 'c')
            say_number((uint32_t)close(link_fd));
        else if (letter == 'h')
            poll(NULL, 0, -1);
        else if (letter == 'k')
            __builtin_trap();
    }
}
