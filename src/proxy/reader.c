#include "proxy/reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/drop.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/seccomp.h"
#include "limit.h"

extern char **environ;

/* ---- the child ---- */

static bool wait_for_bytes(int fd, int64_t deadline) {
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    int64_t left = deadline - clock_now();
    return left > 0 && poll(&pfd, 1, (int)left) == 1;
}

/* Reads what certainly belongs to the header, and only that; of a long one what has no meaning here
 * is dropped. */
static enum reader_end read_header(struct proxy_protocol *h, int fd) {
    unsigned char in[PROXY_PROTOCOL_LINE], skipped[512] = {0};
    int64_t deadline = clock_after(clock_now(), LIMIT_PROXY_MS);
    size_t n = 0, more;
    for (;;) {
        enum proxy_protocol_result result = proxy_protocol_read(h, in, n, &more);
        if (result != PROXY_PROTOCOL_MORE)
            return result == PROXY_PROTOCOL_DONE ? READER_HEADER : READER_BAD;
        bool keeps = n < sizeof in;
        size_t room = keeps ? sizeof in - n : sizeof skipped;
        if (!wait_for_bytes(fd, deadline))
            return READER_LATE;
        ssize_t got = read(fd, keeps ? in + n : skipped, more < room ? more : room);
        if (got == -1 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0) /* a reset is how some health checks end */
            return n == 0 || got == -1 ? READER_NOBODY : READER_CUT;
        n += (size_t)got;
    }
}

/* Whether a proxy speaks for nobody, or names itself: so its health checks do. */
static bool is_of_proxy(const struct proxy_protocol *h, const char *peer) {
    char client[LIMIT_PEER] = "";
    if (h->has_client)
        ip_print(client, &h->client);
    return !h->has_client || strcmp(client, peer) == 0;
}

/* Whether such a connection ends with the header: then no program is needed. */
static bool has_ended(int fd) {
    char byte;
    if (!wait_for_bytes(fd, clock_after(clock_now(), LIMIT_PROXY_CHECK_MS)))
        return false;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n == -1 && errno != EAGAIN && errno != ENOTSOCK);
}

__attribute__((noreturn)) static void read_confined(int fd, const char *peer, int answers,
                                                    pid_t parent) {
    static const unsigned calls[] = {SYS_read,         SECCOMP_WAITING,    SYS_recvfrom,
                                     SYS_sendto,       SYS_exit_group,     SYS_exit,
                                     SYS_rt_sigreturn, SYS_restart_syscall};
    const struct account nobody = {.uid = ACCOUNT_PROXY, .gid = ACCOUNT_PROXY};
    struct reader_answer a;
    memset(&a, 0, sizeof a);
    env_wipe(environ); /* secrets stand there */
    init_link_close();
    close(1);
    close(2);
    if ((geteuid() == 0 && drop_to(&nobody) == -1) || prctl(PR_SET_PDEATHSIG, SIGKILL) == -1
        || getppid() != parent
        || confine(calls, sizeof calls / sizeof *calls, LIMIT_FRONT_ADDRESS_SPACE) == -1)
        _exit(71);
    a.end = read_header(&a.header, fd);
    if (a.end == READER_HEADER && is_of_proxy(&a.header, peer) && has_ended(fd))
        a.end = READER_NOBODY;
    _exit(send(answers, &a, sizeof a, MSG_NOSIGNAL) == sizeof a ? 0 : 71);
}

/* ---- its parent ---- */

static bool is_address(const struct ip *ip) { return ip->n == 4 || ip->n == 16; }

/* The child may have been taken over. */
static bool is_sound(const struct reader_answer *a) {
    const struct proxy_protocol *h = &a->header;
    if ((unsigned)a->end >= READER_ENDS)
        return false;
    return a->end != READER_HEADER || !h->has_client
           || (is_address(&h->client) && is_address(&h->server) && h->client_port <= 65535
               && h->server_port <= 65535);
}

int reader_run(struct reader_answer *answer, int fd, const char *peer) {
    int pair[2];
    pid_t self = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        read_confined(fd, peer, pair[1], self);
    }
    close(pair[1]);
    errno = EPROTO;
    bool good = child != -1 && wait_for_bytes(pair[0], clock_after(clock_now(), 2 * LIMIT_PROXY_MS))
                && recv(pair[0], answer, sizeof *answer, 0) == sizeof *answer && is_sound(answer);
    int error = errno;
    close(pair[0]);
    if (child != -1) {
        kill(child, SIGKILL); /* it has nothing more to say */
        while (waitpid(child, NULL, 0) == -1 && errno == EINTR) {
        }
    }
    errno = error;
    return good ? 0 : -1;
}
