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
    const char *kind, *id; /* of what the terminal is: "exec" or "containers", and the id */
    bool wanted;           /* the size is to be sent */
    bool asked;            /* it has been sent, and no response has come yet */
    int64_t next, give_up; /* when to try again, and when to do so no more */
    int64_t pause;         /* milliseconds before the next try, if this one is refused */
};

/* Starts with the size that the terminal has. `kind` and `id` must stay. */
void docker_resize_start(struct docker_resize *w, const char *kind, const char *id);

/* Says that the terminal has another size. */
void docker_resize_changed(struct docker_resize *w);

/* What the poll loop is to wait for: fills *fd (-1: nothing) and returns the deadline. */
int64_t docker_resize_watch(struct docker_resize *w, struct pollfd *fd);

/* Sends and receives what can be at once; to be called after each wait, whatever ended it. */
void docker_resize_continue(struct docker_resize *w, int64_t now);

#endif
