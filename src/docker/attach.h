/* attach.h: carries a container's streams to standard output and error, and standard input to
 * it. */
#ifndef DOCKER_ATTACH_H
#define DOCKER_ATTACH_H

#include <stdbool.h>

#include "docker/conn.h"
#include "docker/detach_keys.h"
#include "docker/resize.h"

struct docker_attach {
    struct docker_conn *conn;        /* its body is the output */
    bool frames;                     /* two streams in one; else all is standard output */
    bool input;                      /* standard input goes there, and its end */
    struct docker_detach_keys *keys; /* that leave the terminal, or NULL */
    struct docker_resize *resize;    /* whose changes are told, or NULL */
};

/* Returns when the output has ended. */
enum docker_attach_end {
    /* well; or, where only the connection's end says so, because the engine went away */
    DOCKER_ATTACH_ENDED,
    DOCKER_ATTACH_BROKEN,     /* before its end */
    DOCKER_ATTACH_DETACHED,   /* by the keys */
    DOCKER_ATTACH_BAD_STREAM, /* what came is no such stream, or a message of the engine's; printed
                               */
    DOCKER_ATTACH_OUTPUT_FAILED /* standard output or error takes nothing more; printed */
};
enum docker_attach_end docker_attach_run(const struct docker_attach *r);

#endif
