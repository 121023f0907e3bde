/* attach.h: carries a container's streams to standard output and error, and standard input to
 * it. */
#ifndef DOCKER_ATTACH_H
#define DOCKER_ATTACH_H

#include <stdbool.h>

#include "docker/conn.h"
#include "docker/detach_keys.h"
#include "docker/resize.h"

struct docker_attach {
    struct docker_conn *conn; /* the body of its response is the container's output */
    bool frames; /* the body has both output streams (struct docker_frames), not standard output */
    bool input;  /* standard input is sent over the connection, and its end, too */
    struct docker_detach_keys *keys; /* that end the attachment when they are typed, or NULL */
    struct docker_resize *resize;    /* tells the engine the terminal's size, or NULL */
};

/* How an attachment ended. */
enum docker_attach_end {
    /* The output ended. Where nothing but the end of the connection says so, it may be that the
     * engine went away. */
    DOCKER_ATTACH_ENDED,
    DOCKER_ATTACH_BROKEN,   /* the connection broke before the output's end */
    DOCKER_ATTACH_DETACHED, /* the keys were typed */
    /* What came is no such stream, or an error of the engine's: a line has been printed. */
    DOCKER_ATTACH_BAD_STREAM,
    /* Standard output or error takes nothing more: a line has been printed. */
    DOCKER_ATTACH_OUTPUT_FAILED
};

/* Copies until one of these has happened. */
enum docker_attach_end docker_attach_run(const struct docker_attach *attach);

#endif
