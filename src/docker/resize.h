/* resize.h: tells the engine the size of the terminal, while its output streams over another
 * connection. */
#ifndef DOCKER_RESIZE_H
#define DOCKER_RESIZE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "docker/conn.h"

struct docker_resize {
    struct docker_conn conn;
    const char *kind, *id; /* "exec" or "containers", and its name */
    bool wanted, asked;    /* a size is to be told; it has been, and no answer has come */
    int64_t next, give_up; /* when to try again, and when no more */
    int64_t pause;
};

void docker_resize_start(struct docker_resize *w, const char *kind, const char *id);

/* The terminal has another size. */
void docker_resize_changed(struct docker_resize *w);

/* What the poll loop is to wait for: fills *fd (-1: nothing) and returns the deadline. */
int64_t docker_resize_watch(struct docker_resize *w, struct pollfd *fd);

/* Goes on, whatever the wait brought. */
void docker_resize_continue(struct docker_resize *w, int64_t now);

#endif
