#include "docker/conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "docker/api.h"
#include "docker/host.h"

/* ---- the connection ---- */

static int connect_unix(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = docker_host()->path;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd != -1 && connect(fd, (struct sockaddr *)&address, sizeof address) == -1) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* *unresolved: see conn.h. */
static int connect_tcp(int *unresolved) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int fd = -1, error = EHOSTUNREACH, on = 1;
    *unresolved = getaddrinfo(docker_host()->name, docker_host()->port, &hints, &list);
    if (*unresolved != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (struct addrinfo *a = list; a != NULL && fd == -1; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd != -1 && connect(fd, a->ai_addr, a->ai_addrlen) == -1) {
            error = errno;
            fd_close(&fd);
        }
    }
    freeaddrinfo(list);
    if (fd != -1) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    errno = error;
    return fd;
}

void docker_close(struct docker_conn *c) {
    if (c->open)
        close(c->fd);
    c->open = c->keeps = false;
}

static bool ensure_connection(struct docker_conn *c) {
    if (c->open && c->keeps)
        return true;
    docker_close(c);
    c->from = c->to = 0;
    c->fd = docker_host()->path[0] != '\0' ? connect_unix() : connect_tcp(&c->unresolved);
    c->open = c->fd != -1;
    return c->open;
}

/* No signal interrupts a call here: each ends the program, or comes during ppoll(2) alone
 * (docker/terminal.c). */
static bool send_all(int fd, const char *at, size_t n, int flags) {
    while (n > 0) {
        ssize_t sent = send(fd, at, n, flags | MSG_NOSIGNAL);
        if (sent == -1)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool docker_send(struct docker_conn *c, const char *method, const char *path,
                 const struct buf *body, bool upgrade) {
    char head[LIMIT_DOCKER_PATH + 512];
    struct buf b = BUF_ON(head);
    bool has_body = strcmp(method, "POST") == 0;
    buf_format(&b, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bastion\r\n", method,
               docker_host()->prefix, docker_api_path(), path, docker_host()->authority);
    if (body != NULL)
        buf_text(&b, "Content-Type: application/json\r\n");
    if (has_body)
        buf_format(&b, "Content-Length: %zu\r\n", body != NULL ? body->len : 0);
    buf_text(&b, upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n" : "\r\n");
    if (b.full || (body != NULL && body->full)) {
        docker_close(c);
        errno = ENOBUFS;
        return false;
    }
    if (!ensure_connection(c))
        return false;
    c->keeps = false;
    c->bodiless = strcmp(method, "HEAD") == 0;
    http1_start_response(&c->head);
    size_t rest = body != NULL ? body->len : 0;
    return send_all(c->fd, head, b.len, rest > 0 ? MSG_MORE : 0)
           && (rest == 0 || send_all(c->fd, body->at, rest, 0));
}

/* Receives more bytes into `in`. Returns as recv(2) does; 0 too when there is no room. */
static ssize_t receive_more(struct docker_conn *c, bool wait) {
    ssize_t n = recv(c->fd, c->in + c->to, sizeof c->in - c->to, wait ? 0 : MSG_DONTWAIT);
    c->to += n > 0 ? (size_t)n : 0;
    return n;
}

/* Reads the response's head from the bytes that have come, and returns its status. A response of
 * status 1xx may come before it (RFC 9110, section 15.2). */
static int parse_response_head(struct docker_conn *c) {
    for (;;) {
        int got = http1_read_head(&c->head, c->in + c->from, c->to - c->from);
        if (got != 200)
            return got == 0 ? DOCKER_NOT_YET : DOCKER_NO_RESPONSE;
        c->from += c->head.scanned;
        if (c->head.status >= 200 || c->head.status == 101)
            break;
        http1_start_response(&c->head);
    }
    if (!docker_body_start(&c->body, &c->head))
        return DOCKER_NO_RESPONSE;
    if (c->bodiless)
        c->body.framing = DOCKER_EMPTY;
    c->keeps = docker_body_keeps(&c->body, &c->head);
    return c->head.status;
}

int docker_read_head(struct docker_conn *c, bool wait) {
    if (c->from == c->to)
        c->from = c->to = 0;
    for (;;) {
        int status = c->to > c->from ? parse_response_head(c) : DOCKER_NOT_YET;
        errno = EPROTO;
        if (status != DOCKER_NOT_YET)
            return status;
        ssize_t n = receive_more(c, wait);
        if (n == -1 && errno == EAGAIN)
            return DOCKER_NOT_YET;
        if (n == 0)
            errno = 0;
        if (n <= 0)
            return DOCKER_NO_RESPONSE;
    }
}

/* ---- the body ---- */

enum docker_read docker_body_next(struct docker_conn *c, struct slice *data, bool wait) {
    for (;;) {
        if (docker_body_ended(&c->body))
            return DOCKER_READ_END;
        if (c->from < c->to) {
            ssize_t used = docker_body_read(&c->body, c->in + c->from, c->to - c->from, data);
            if (used == -1)
                return DOCKER_READ_BROKEN;
            c->from += (size_t)used;
            if (data->n > 0)
                return DOCKER_READ_DATA;
            continue;
        }
        c->from = c->to = 0;
        ssize_t n = receive_more(c, wait);
        if (n == -1 && errno == EAGAIN)
            return DOCKER_READ_NOT_YET;
        if (n == 0 && c->body.framing == DOCKER_UNTIL_CLOSE)
            return DOCKER_READ_END;
        if (n <= 0)
            return DOCKER_READ_BROKEN;
    }
}
