/* docker_api.h: what the Docker Engine API has of its own on the wire: bodies of responses, names
 * in paths, and the two output streams of a container in one (https://docs.docker.com/engine/api/,
 * "Attach to a container"). */
#ifndef WIRE_DOCKER_API_H
#define WIRE_DOCKER_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "wire/chunk.h"
#include "wire/http1.h"
#include "wire/slice.h"

/* ---- the body of a response (RFC 9112, section 6.3) ---- */

struct docker_body {
    enum docker_framing { DOCKER_EMPTY, DOCKER_LENGTH, DOCKER_CHUNKED, DOCKER_UNTIL_CLOSE } framing;
    uint64_t left;
    struct chunk chunk;
};

/* What the head of a response says of its body. A 101, or a 200 to a request that asked for an
 * upgrade (Podman's), has no body but a stream: until the connection closes. False when the head
 * can't be understood. */
bool docker_body_start(struct docker_body *body, const struct http1_head *head);

/* Reads some of the n > 0 bytes: returns how many were used up, or -1 when they are not such a
 * body; *data is the piece of content among them (n = 0 for none). Bytes behind the end are never
 * touched. */
ssize_t docker_body_read(struct docker_body *body, const char *in, size_t n, struct slice *data);

/* Whether the whole body has been read; never before the connection closes for
 * DOCKER_UNTIL_CLOSE. */
bool docker_body_ended(const struct docker_body *body);

/* Whether the connection can serve another request when the body has ended. */
bool docker_body_keeps(const struct docker_body *body, const struct http1_head *head);

/* ---- the output of a container ---- */

/* Without a terminal, standard output and standard error come as frames: a byte for the stream,
 * three of zero, a length of four, most significant first, then the content. A zeroed struct
 * starts. */
struct docker_frames {
    unsigned char head[8];
    unsigned have; /* bytes of the head under way */
    uint32_t left; /* bytes of content that are still to come */
};

enum docker_stream { DOCKER_STDIN, DOCKER_STDOUT, DOCKER_STDERR, DOCKER_SYSTEMERR };

/* Reads some of the n > 0 bytes: returns how many were used up, or -1 when there is no such stream.
 * *data is content of *stream (n = 0 for none). DOCKER_SYSTEMERR is a message of the engine's. */
ssize_t docker_frames_read(struct docker_frames *f, const char *in, size_t n, struct slice *data,
                           enum docker_stream *stream);

/* ---- requests ---- */

/* Adds text as one segment of a path, or one value of a query: all but unreserved characters as %XX
 * (RFC 3986, 2.1). */
void docker_escape(struct buf *b, const char *text, size_t n);

#endif
