/* conn.h: a connection to the engine, and requests over it. */
#ifndef DOCKER_CONN_H
#define DOCKER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/docker_api.h"
#include "wire/http1.h"

/* A zeroed one is none yet (not one that names fd = -1: that would be 64 KiB of the program's
 * file). */
struct docker_conn {
    bool open;
    bool keeps;             /* it takes another request after the present answer */
    bool bodiless;          /* the answer to HEAD has no body, whatever its head says */
    int fd;                 /* blocking */
    struct http1_head head; /* the answer's */
    struct docker_body body;
    size_t from, to; /* what has been read of it and not been used */
    char in[LIMIT_DOCKER_WINDOW];
};

/* The path /KIND/NAME and what follows, `rest` being text of ours: escaped already. Slashes around
 * the name do not count: inspect prints one before it. Returns `out`, or "/" when the name is too
 * long to be anybody's. */
const char *docker_path(char out[LIMIT_DOCKER_PATH], const char *kind, const char *name,
                        const char *rest);

/* Sends one request, over the connection that is there if it keeps, and reads the answer's head.
 * `body` may be NULL for none; `upgrade` asks for a stream of both directions. Returns the status,
 * or -1: the engine can't be reached, or does not answer as it should; that has been printed unless
 * `quiet`. */
int docker_request(struct docker_conn *c, const char *method, const char *path,
                   const struct buf *body, bool upgrade, bool quiet);

/* Says that a request got no connection to the engine, and why (errno). */
void docker_report_unreachable(const char *method, const char *path);

/* The same in two halves, for what must not wait: docker_send sends (false: failed),
 * docker_read_head looks whether the head has come by now, where `wait` says so until it has.
 * Returns the status, 0: not yet, -1: the connection or what it brought is no good. */
bool docker_send(struct docker_conn *c, const char *method, const char *path,
                 const struct buf *body, bool upgrade);
int docker_read_head(struct docker_conn *c, bool wait);

/* Where a request's body can be put together: one place for all. */
struct buf docker_request_buffer(void);

/* The next piece of the answer's body. Returns 1 with *data, which stays until the next call; 0 at
 * the end; -1 when the connection broke; -2 when nothing has come by now (never where `wait` says
 * to wait for it). */
int docker_body_next(struct docker_conn *c, struct slice *data, bool wait);

/* Reads the body as a whole into one place that all connections share, LIMIT_DOCKER_ANSWER bytes at
 * most. Returns it; n = 0 and at = NULL when it breaks off or is longer. */
struct slice docker_body_whole(struct docker_conn *c);
/* The same for an answer in JSON, which is valid then; else a line has been printed. */
struct slice docker_read_json(struct docker_conn *c);

/* What an answer of status 400 or above says: its message. */
struct slice docker_message(struct docker_conn *c);
/* Prints it as docker(1) does: "Error response from daemon: ..."; where `kind` is not NULL and the
 * status is 404, "Error: No such KIND: NAME". Returns 1, an exit status. */
int docker_report_refusal(struct docker_conn *c, const char *kind, const char *name);

/* All of it for the common case: GET PATH. Returns the answer, which is valid JSON; at = NULL when
 * there is none, and then a line has been printed, as by docker_report_refusal. */
struct slice docker_get(struct docker_conn *c, const char *path, const char *kind,
                        const char *name);

void docker_close(struct docker_conn *c);

#endif
