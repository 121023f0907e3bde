#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ip.h"
#include "core/audit.h"
#include "limit.h"

static void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
}

/* Returns a descriptor, or -1 with errno. */
static int listen_at(const struct ip *ip, unsigned port) {
    struct sockaddr_storage at;
    socklen_t size = ip_to_socket(&at, ip, port);
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* and so for what is accepted (init_link.h) */
    if (at.ss_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, LIMIT_BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int open_port(const char *text, unsigned port) {
    struct ip ip;
    if (text != NULL && ip_read(&ip, text))
        return listen_at(&ip, port);
    int fd = listen_at(&(struct ip){.n = sizeof(struct in6_addr)}, port);
    if (fd == -1 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) /* a host without IPv6 */
        fd = listen_at(&(struct ip){.n = sizeof(struct in_addr)}, port);
    return fd;
}

void listen_open(struct listener *l, const char *address, int64_t now) {
    l->fd = open_port(address, l->port);
    if (l->fd == -1)
        listen_fail(l, "can't listen", errno, now);
    else
        l->retry = CLOCK_NEVER;
}

void listen_fail(struct listener *l, const char *what, int error, int64_t now) {
    char text[256];
    fd_close(&l->fd);
    l->pause = l->pause == 0                   ? LIMIT_RETRY_FIRST_MS
               : l->pause < LIMIT_RETRY_MS / 2 ? 2 * l->pause
                                               : LIMIT_RETRY_MS;
    l->retry = clock_after(now, l->pause);
    snprintf(text, sizeof text, "port %u: %s: %s; trying again in %lld ms", l->port, what,
             strerror(error), (long long)l->pause);
    audit_error(l->channel, NULL, text);
}

/* On Linux shutdown(2) makes a listening socket one that is bound and no more. Another socket could
 * be bound beside that if both had SO_REUSEADDR. This one was given the option so that connections
 * of an earlier process do not keep the port (and they have it too, by accept(2)); so it is taken
 * away before the socket stops listening. */
void listen_refuse(struct listener *l) {
    l->retry = CLOCK_NEVER;
    if (l->fd == -1)
        return;
    set_option(l->fd, SOL_SOCKET, SO_REUSEADDR, 0);
    if (shutdown(l->fd, SHUT_RD) == -1)
        fd_close(&l->fd);
}

/* Whether what accept(2) says is about one client, which is gone, or about the way to it, and not
 * about the listener. */
static bool is_about_client(int error) {
    static const int errors[] = {EINTR,       ECONNABORTED, EPROTO, EPERM,        ENETDOWN,
                                 ENOPROTOOPT, EHOSTDOWN,    ENONET, EHOSTUNREACH, ENETUNREACH};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (error == errors[i])
            return true;
    return false;
}

enum listen_result listen_accept(const struct listener *l, int *fd, struct sockaddr_storage *peer) {
    do {
        socklen_t n = sizeof *peer;
        *fd = accept4(l->fd, (struct sockaddr *)peer, &n,
                      SOCK_CLOEXEC | (l->is_nonblocking ? SOCK_NONBLOCK : 0));
    } while (*fd == -1 && is_about_client(errno));
    if (*fd != -1)
        return LISTEN_CONNECTION;
    if (errno == EAGAIN)
        return LISTEN_NOTHING;
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS
               ? LISTEN_SHORT
               : LISTEN_BROKEN;
}
