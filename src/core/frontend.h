/* frontend.h: the interface by which the front's loop (core/relay.c) reaches the client of one
 * request, whatever protocol that speaks. http/response.c and ssh/stdstreams.c fill in the
 * operations. */
#ifndef CORE_FRONTEND_H
#define CORE_FRONTEND_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/outcome.h"
#include "core/record.h"
#include "core/run.h"

enum { FRONTEND_FDS = 3 };

struct frontend {
    const struct frontend_ops *ops;
    bool gone;         /* set by these: the client has gone away */
    bool input_closed; /* set for these: the command takes no input, or no more */
};

struct frontend_ops {
    /* The command runs. */
    void (*started)(struct frontend *c, const char *run);
    /* Where output of `stream` (RUN_OUT or RUN_ERR) may be put now: *at and the count of bytes, 0
     * while the client has to take some first. */
    size_t (*room)(struct frontend *c, int stream, char **at);
    /* n bytes were put there. */
    void (*output)(struct frontend *c, int stream, size_t n);
    /* How many bytes of what was put there the client has not taken, as far as the kernel tells
     * (base/peer.h). */
    int64_t (*unsent)(struct frontend *c);
    /* Bytes for the command's standard input that are at hand: *at and their count. */
    size_t (*input)(struct frontend *c, const char **at);
    /* The command took n of them. */
    void (*taken)(struct frontend *c, size_t n);
    /* True when no input is to come. */
    bool (*input_ended)(const struct frontend *c);
    /* What to wait for: fills all (fd -1 for none) and returns a deadline. */
    int64_t (*watch)(struct frontend *c, struct pollfd fds[FRONTEND_FDS], int64_t now);
    /* One of these descriptors is ready, or the deadline has passed. */
    void (*ready)(struct frontend *c, const struct pollfd fds[FRONTEND_FDS], int64_t now);
    /* The request is through. Called once for every request, as the last of these calls. */
    void (*ended)(struct frontend *c, const struct outcome *o);
    /* What the record of the run says (MESSAGE_RECORD), before its output comes. NULL: the
     * protocol has no use for it. */
    void (*record)(struct frontend *c, const struct record_about *about);
};

#endif
