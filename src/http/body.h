/* body.h: the bytes that come from the client: its heads, and the bodies behind them. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"
#include "wire/chunk.h"
#include "wire/slice.h"

/* Bytes read and not used yet stand at [start, end). What is below `floor` is a head that is still
 * looked at. */
struct input {
    int fd;
    size_t floor, start, end;
    bool ended; /* the client sends no more */
    char at[LIMIT_HEAD + LIMIT_BODY_WINDOW];
};

/* Reads what there is room for. Returns the count, 0 at the end of the client's bytes (or when the
 * connection broke), or -1 when nothing is there yet (or there is no room). */
ssize_t input_read(struct input *in);

/* Moves unused bytes to the front: the next head starts at at[0]. */
void input_rewind(struct input *in);

/* A request's body. */
struct body {
    struct input *in;
    bool chunked;
    bool to_end;           /* it ends where the client's bytes do */
    uint64_t length, left; /* bytes of it, and those to come, when it is neither */
    struct chunk chunk;
    bool bad;             /* it is no chunked body, or the client ended within it */
    struct slice content; /* a piece at hand */
};

void body_start(struct body *b, struct input *in, bool chunked, uint64_t length);
void body_start_to_end(struct body *b, struct input *in);

/* Makes b->content the next piece of what has been read, if any; true when there is one. */
bool body_next(struct body *b);

/* n bytes of b->content are done with. */
void body_taken(struct body *b, size_t n);

/* Whether the body is through: the bytes behind it are another request's. */
bool body_ended(const struct body *b);

/* Reads on; notes an end that comes too early. Returns as input_read. */
ssize_t body_read(struct body *b);

/* Throws away what has been read of it. */
void body_skip(struct body *b);

/* Reads the rest and throws it away, LIMIT_DRAIN bytes at most, until the deadline, until nothing
 * has come for `idle` milliseconds, or until it is found to be bad. True when it is through. */
bool body_drop(struct body *b, int64_t deadline, int64_t idle);

#endif
