/* frontend.h: the interface by which a session reaches the client of one request, whatever protocol
 * that speaks. http/response.c and ssh/stdstreams.c fill in the operations; core/session.c and
 * core/relay.c call them, and know nothing else of the client. */
#ifndef CORE_FRONTEND_H
#define CORE_FRONTEND_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/* What became of a request. */
enum outcome_kind {
    OUTCOME_ENDED,   /* the command ran and ended */
    OUTCOME_TIMEOUT, /* it was ended by COMMAND_TIMEOUT */
    OUTCOME_FAILED,  /* it could not be started: code 126 or 127, and `reason` */
    OUTCOME_DENIED,  /* the policy refused: `reason` */
    OUTCOME_SKIPPED, /* another run holds the lock, and that is fine */
    OUTCOME_BUSY,    /* another run holds the lock */
    OUTCOME_GONE,    /* the client went away before anything ran */
    OUTCOME_ERROR    /* an error of ours or of the machine; nothing ran, the log says why */
};

struct outcome {
    enum outcome_kind kind;
    int code;   /* exit code, 128 + n for signal n */
    int signal; /* that n, or 0 */
    const char *reason;
    /* OUTCOME_SKIPPED and _BUSY: what is under way, for the client: the beginning of a sentence */
    const char *busy;
    const char *requested; /* OUTCOME_DENIED: what was asked for, of requested_n bytes */
    size_t requested_n;
};

/* Puts what the client reads of an outcome besides the command's output: one line, or of a denial
 * two: its request, as far as it is text that no terminal takes for anything else, and why it may
 * not be run. Nothing of a command that ran, nor where nobody is there to read it. `newline` ends
 * a line that is alone. */
void outcome_tell(struct buf *b, const struct outcome *o, const char *newline);

enum { FRONTEND_FDS = 3 };

struct frontend {
    const struct frontend_ops *ops;
    bool gone;         /* set by the front end: the client has gone away */
    bool input_closed; /* set for the front end: the command takes no input, or no more */
};

struct frontend_ops {
    /* The command runs. */
    void (*started)(struct frontend *c, const char *run);
    /* Where output of `stream` (RUN_OUT or RUN_ERR) may be put now: *at and the count of bytes, 0
     * while the client has to take some first. */
    size_t (*room)(struct frontend *c, int stream, char **at);
    /* n bytes were put there. */
    void (*output)(struct frontend *c, int stream, size_t n);
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
};

#endif
