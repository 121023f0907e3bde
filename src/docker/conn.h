/* conn.h: a connection to the engine: sends one request after the other, and reads each response's
 * head and body. What commands usually need is in request.h. */
#ifndef DOCKER_CONN_H
#define DOCKER_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/docker_api.h"
#include "wire/http1.h"

/* A zeroed one is not connected. (If fd = -1 said that instead, each static one would take 64 KiB
 * of the program's file.) */
struct docker_conn {
    bool open;
    bool keeps;             /* it takes another request after the present response */
    bool bodiless;          /* the response to HEAD has no body, whatever its head says */
    int fd;                 /* blocking */
    int unresolved;         /* why the engine's host name has no address (getaddrinfo(3)), or 0 */
    struct http1_head head; /* the response's */
    struct docker_body body;
    size_t from, to; /* the bytes of `in` that have been received and not been used */
    char in[LIMIT_DOCKER_STREAM];
};

/* A status is that of the response, 100 or above, or one of these. */
enum {
    DOCKER_NO_RESPONSE = -1, /* the connection failed, or what it brought is no response */
    DOCKER_NOT_YET = 0,      /* its head has not come; never where the call waits for it */
};

/* Sends a request, over the connection that is there if that takes another one, else over a new
 * one. `body` may be NULL for none; `upgrade` asks for a stream of both directions. False with
 * errno: it could not be sent; c->open tells whether there is a connection, over which the engine
 * may have said why. ENOBUFS without one: the request is too long. */
bool docker_send(struct docker_conn *c, const char *method, const char *path,
                 const struct buf *body, bool upgrade);

/* Reads the head of the response, and waits for it where `wait` says so. Returns the status; for
 * DOCKER_NO_RESPONSE errno has the reason, 0 being the end of the stream. */
int docker_read_head(struct docker_conn *c, bool wait);

/* What docker_body_next has read. */
enum docker_read {
    DOCKER_READ_DATA,   /* *data, which stays until the next call */
    DOCKER_READ_END,    /* the body has ended */
    DOCKER_READ_BROKEN, /* the connection broke, or what came is no such body */
    DOCKER_READ_NOT_YET /* nothing has come; never where the call waits for it */
};
/* Reads the next piece of the response's body, and waits for it where `wait` says so. */
enum docker_read docker_body_next(struct docker_conn *c, struct slice *data, bool wait);

void docker_close(struct docker_conn *c);

#endif
