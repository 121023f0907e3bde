#include "docker/request.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "docker/api.h"
#include "docker/command.h"
#include "docker/host.h"
#include "docker/memory.h"
#include "wire/json.h"

static const struct slice no_body = {NULL, 0};

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

/* ---- failures ---- */

void docker_report_unreachable(const struct docker_conn *c, const char *method, const char *path) {
    const struct docker_host *host = docker_host();
    if (c->unresolved != 0)
        docker_error("error during connect: %s \"%s%s%s\": lookup %s: %s", method, host->text,
                     docker_api_path(), path, host->name,
                     c->unresolved == EAI_NONAME ? "no such host" : gai_strerror(c->unresolved));
    else if (errno == EACCES || errno == EPERM)
        docker_error("permission denied while trying to connect to the Docker daemon socket at %s: "
                     "connect: %s",
                     host->text, errno == EACCES ? "permission denied" : "operation not permitted");
    else
        docker_error("Cannot connect to the Docker daemon at %s. Is the docker daemon running?",
                     host->text);
}

/* A connection that brought no response, because of `error`; 0 is the end of the stream. */
static void report_no_response(const struct docker_conn *c, const char *method, const char *path,
                               int error) {
    enum { TLS_ALERT = 0x15 }; /* the type of a record (RFC 8446, section 5.1) */
    if (c->to > c->from && c->in[c->from] == TLS_ALERT)
        docker_error("docker: the engine at %s speaks TLS, and this client does not",
                     docker_host()->text);
    else
        docker_error("error during connect: %s \"%s%s%s\": %s", method, docker_host()->text,
                     docker_api_path(), path, error != 0 ? strerror(error) : "EOF");
}

/* What a response of status 400 or above says: its JSON's message, else its status or its text.
 * `text` is room for it. */
static struct slice read_message(struct docker_conn *c, char text[LIMIT_DOCKER_MESSAGE]) {
    struct buf b = {.at = text, .cap = LIMIT_DOCKER_MESSAGE};
    struct slice body = docker_body_whole(c);
    bool is_json = body.at != NULL && json_is_valid(body);
    json_text(&b, is_json ? json_member(body, "message") : no_body);
    if (b.len > 0 && !b.full)
        return (struct slice){text, b.len};
    if (is_json || body.at == NULL || body.n == 0) {
        int n = snprintf(text, LIMIT_DOCKER_MESSAGE, "status %d", c->head.status);
        return (struct slice){text, (size_t)n};
    }
    while (body.n > 0 && (body.at[body.n - 1] == '\n' || body.at[body.n - 1] == '\r'))
        body.n--;
    return body;
}

void docker_report_bad_frame(const struct docker_frames *f) {
    docker_error("Unrecognized input header: %d", f->head[0]);
}

int docker_report_refusal(struct docker_conn *c, const char *kind, const char *name) {
    char text[LIMIT_DOCKER_MESSAGE];
    struct slice message = read_message(c, text);
    if (kind != NULL && c->head.status == 404)
        docker_error("Error: No such %s: %s", kind, name);
    else
        docker_error("Error response from daemon: %.*s", (int)message.n, message.at);
    return 1;
}

void docker_report_warnings(struct slice response) {
    struct json_walk walk = {json_member(response, "Warnings"), false};
    struct slice key, warning;
    while (json_next(&walk, &key, &warning))
        if (warning.n > 2)
            docker_error("%.*s", (int)warning.n - 2, warning.at + 1);
}

/* ---- requests ---- */

int docker_request(struct docker_conn *c, const char *method, const char *path,
                   const struct buf *body, unsigned options) {
    bool upgrade = (options & DOCKER_UPGRADE) != 0, quiet = (options & DOCKER_QUIET) != 0;
    if (!docker_api_ready(c))
        return DOCKER_NO_RESPONSE;
    bool sent = docker_send(c, method, path, body, upgrade);
    if (!sent && !c->open) {
        if (!quiet && errno == ENOBUFS)
            docker_error("docker: the request is too long");
        else if (!quiet)
            docker_report_unreachable(c, method, path);
        return DOCKER_NO_RESPONSE;
    }
    /* An engine that closes in the middle of a request may have said why. */
    int status = docker_read_head(c, true);
    if (status == 101 && !upgrade) {
        status = DOCKER_NO_RESPONSE;
        errno = EPROTO;
    }
    if (status == DOCKER_NO_RESPONSE) {
        int error = errno;
        docker_close(c);
        if (!quiet)
            report_no_response(c, method, path, error);
    }
    return status;
}

bool docker_succeeded(struct docker_conn *c, int status, const char *kind, const char *name) {
    if (status >= 300)
        docker_report_refusal(c, kind, name);
    return status != DOCKER_NO_RESPONSE && status < 300;
}

struct slice docker_get(struct docker_conn *c, const char *path, const char *kind,
                        const char *name) {
    int status = docker_request(c, "GET", path, NULL, 0);
    return docker_succeeded(c, status, kind, name) ? docker_read_json(c) : no_body;
}

/* ---- bodies ---- */

struct buf docker_request_buffer(void) {
    static char *at;
    return docker_memory(&at, LIMIT_DOCKER_BODY);
}

struct slice docker_body_whole(struct docker_conn *c) {
    static char *at;
    struct buf b = docker_memory(&at, LIMIT_DOCKER_RESPONSE);
    struct slice data;
    enum docker_read got;
    while ((got = docker_body_next(c, &data, true)) == DOCKER_READ_DATA && !b.full)
        buf_bytes(&b, data.at, data.n);
    if (got == DOCKER_READ_END && !b.full)
        return (struct slice){b.at, b.len};
    docker_close(c);
    return no_body;
}

struct slice docker_read_json(struct docker_conn *c) {
    struct slice text = docker_body_whole(c);
    if (text.at != NULL && json_is_valid(text))
        return text;
    docker_error("docker: the engine's answer is cut, too long, or no JSON");
    return no_body;
}

struct slice docker_read_optional_json(struct docker_conn *c, int status) {
    struct slice text = status != DOCKER_NO_RESPONSE ? docker_body_whole(c) : no_body;
    return status == 200 && text.at != NULL && json_is_valid(text) ? text : no_body;
}
