#include "docker/conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "docker/api.h"
#include "docker/command.h"
#include "docker/host.h"
#include "wire/json.h"

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

static int unresolved; /* why the name of the engine's host has no address (getaddrinfo(3)), or 0 */

static int connect_tcp(void) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int fd = -1, error = EHOSTUNREACH, on = 1;
    unresolved = getaddrinfo(docker_host()->name, docker_host()->port, &hints, &list);
    if (unresolved != 0) {
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
    c->fd = docker_host()->path[0] != '\0' ? connect_unix() : connect_tcp();
    c->open = c->fd != -1;
    return c->open;
}

void docker_report_unreachable(const char *method, const char *path) {
    const struct docker_host *host = docker_host();
    if (unresolved != 0)
        docker_error("error during connect: %s \"%s%s%s\": lookup %s: %s", method, host->text,
                     docker_api_path(), path, host->name,
                     unresolved == EAI_NONAME ? "no such host" : gai_strerror(unresolved));
    else if (errno == EACCES || errno == EPERM)
        docker_error("permission denied while trying to connect to the Docker daemon socket at %s: "
                     "connect: %s",
                     host->text, errno == EACCES ? "permission denied" : "operation not permitted");
    else
        docker_error("Cannot connect to the Docker daemon at %s. Is the docker daemon running?",
                     host->text);
}

static bool send_all(int fd, const char *at, size_t n, int flags) {
    while (n > 0) {
        ssize_t sent = send(fd, at, n, flags | MSG_NOSIGNAL);
        if (sent == -1 && errno == EINTR)
            continue;
        if (sent == -1)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

const char *docker_path(char out[LIMIT_DOCKER_PATH], const char *kind, const char *name,
                        const char *rest) {
    struct buf b = {.at = out, .cap = LIMIT_DOCKER_PATH};
    size_t n;
    name += strspn(name, "/");
    for (n = strlen(name); n > 0 && name[n - 1] == '/'; n--) {
    }
    buf_format(&b, "/%s/", kind);
    docker_escape(&b, name, n);
    buf_text(&b, rest);
    const char *path = buf_string(&b);
    return path != NULL ? path : "/";
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
    errno = ENOBUFS;
    if (b.full || (body != NULL && body->full) || !ensure_connection(c))
        return false;
    c->keeps = false;
    c->bodiless = strcmp(method, "HEAD") == 0;
    http1_start_answer(&c->head);
    size_t rest = body != NULL ? body->len : 0;
    return send_all(c->fd, head, b.len, rest > 0 ? MSG_MORE : 0)
           && (rest == 0 || send_all(c->fd, body->at, rest, 0));
}

/* Reads more behind what is there. Returns as read(2) does; 0 too when there is no room. */
static ssize_t receive_more(struct docker_conn *c, bool wait) {
    for (;;) {
        ssize_t n = recv(c->fd, c->in + c->to, sizeof c->in - c->to, wait ? 0 : MSG_DONTWAIT);
        if (n == -1 && errno == EINTR && wait)
            continue;
        c->to += n > 0 ? (size_t)n : 0;
        return n;
    }
}

/* The head of the answer from what is there. A 1xx that is none of ours goes before the answer (RFC
 * 9110, section 15.2). */
static int parse_response_head(struct docker_conn *c) {
    for (;;) {
        int got = http1_read_head(&c->head, c->in + c->from, c->to - c->from);
        if (got != 200)
            return got == 0 ? 0 : -1;
        c->from += c->head.scanned;
        if (c->head.status >= 200 || c->head.status == 101)
            break;
        http1_start_answer(&c->head);
    }
    if (!docker_body_start(&c->body, &c->head))
        return -1;
    if (c->bodiless)
        c->body.framing = DOCKER_EMPTY;
    c->keeps = docker_body_keeps(&c->body, &c->head);
    return c->head.status;
}

int docker_read_head(struct docker_conn *c, bool wait) {
    if (c->from == c->to)
        c->from = c->to = 0;
    for (;;) {
        int got = c->to > c->from ? parse_response_head(c) : 0;
        errno = EPROTO;
        if (got != 0)
            return got;
        ssize_t n = receive_more(c, wait);
        if (n == -1 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n == 0)
            errno = 0;
        if (n <= 0)
            return -1;
    }
}

int docker_request(struct docker_conn *c, const char *method, const char *path,
                   const struct buf *body, bool upgrade, bool quiet) {
    if (!docker_api_ready(c))
        return -1;
    bool sent = docker_send(c, method, path, body, upgrade);
    if (!sent && !c->open) {
        if (!quiet && errno == ENOBUFS)
            docker_error("docker: the request is too long");
        else if (!quiet)
            docker_report_unreachable(method, path);
        return -1;
    }
    /* An engine that closes in the middle of a request may have said why. */
    int status = docker_read_head(c, true);
    if (status == 101 && !upgrade) {
        status = -1;
        errno = EPROTO;
    }
    if (status == -1) {
        bool tls = c->to > c->from && c->in[c->from] == 0x15; /* an alert's record */
        docker_close(c);
        if (!quiet && tls)
            docker_error("docker: the engine at %s speaks TLS, and this client does not",
                         docker_host()->text);
        else if (!quiet)
            docker_error("error during connect: %s \"%s%s%s\": %s", method, docker_host()->text,
                         docker_api_path(), path, errno != 0 ? strerror(errno) : "EOF");
    }
    return status;
}

/* ---- the body ---- */

int docker_body_next(struct docker_conn *c, struct slice *data, bool wait) {
    for (;;) {
        if (docker_body_ended(&c->body))
            return 0;
        if (c->from < c->to) {
            ssize_t used = docker_body_read(&c->body, c->in + c->from, c->to - c->from, data);
            if (used == -1)
                return -1;
            c->from += (size_t)used;
            if (data->n > 0)
                return 1;
            continue;
        }
        c->from = c->to = 0;
        ssize_t n = receive_more(c, wait);
        if (n == -1 && (errno == EAGAIN || errno == EINTR))
            return -2;
        if (n == -1 || (n == 0 && c->body.framing != DOCKER_UNTIL_CLOSE))
            return -1;
        if (n == 0)
            return 0;
    }
}

/* Address space alone until it is written to. */
static struct buf place(char **at, size_t cap) {
    if (*at == NULL)
        *at = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return (struct buf){.at = *at, .cap = *at != MAP_FAILED ? cap : 0};
}

struct buf docker_request_buffer(void) {
    static char *at;
    return place(&at, LIMIT_DOCKER_BODY);
}

struct slice docker_body_whole(struct docker_conn *c) {
    static char *at;
    struct buf b = place(&at, LIMIT_DOCKER_ANSWER);
    struct slice data;
    int got;
    while ((got = docker_body_next(c, &data, true)) == 1 && !b.full)
        buf_bytes(&b, data.at, data.n);
    if (got != 0)
        docker_close(c);
    return got != 0 || b.full ? (struct slice){NULL, 0} : (struct slice){b.at, b.len};
}

struct slice docker_read_json(struct docker_conn *c) {
    struct slice text = docker_body_whole(c);
    if (text.at != NULL && json_is_valid(text))
        return text;
    docker_error("docker: the engine's answer is cut, too long, or no JSON");
    return (struct slice){NULL, 0};
}

struct slice docker_message(struct docker_conn *c) {
    static char text[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text);
    struct slice body = docker_body_whole(c);
    bool is_json = body.at != NULL && json_is_valid(body);
    json_text(&b, is_json ? json_member(body, "message") : (struct slice){NULL, 0});
    if (b.len > 0 && !b.full)
        return (struct slice){text, b.len};
    if (is_json || body.n == 0) {
        int n = snprintf(text, sizeof text, "status %d", c->head.status);
        return (struct slice){text, (size_t)n};
    }
    while (body.n > 0 && (body.at[body.n - 1] == '\n' || body.at[body.n - 1] == '\r'))
        body.n--;
    return body;
}

int docker_report_refusal(struct docker_conn *c, const char *kind, const char *name) {
    struct slice message = docker_message(c);
    if (kind != NULL && c->head.status == 404)
        docker_error("Error: No such %s: %s", kind, name);
    else
        docker_error("Error response from daemon: %.*s", (int)message.n, message.at);
    return 1;
}

struct slice docker_get(struct docker_conn *c, const char *path, const char *kind,
                        const char *name) {
    int status = docker_request(c, "GET", path, NULL, false, false);
    if (status >= 300)
        docker_report_refusal(c, kind, name);
    return status == -1 || status >= 300 ? (struct slice){NULL, 0} : docker_read_json(c);
}
