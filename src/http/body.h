/* body.h: the bytes that a client sends, in a window that moves over them, and the body of a
 * request as a piece of them after the other. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"
#include "wire/chunk.h"
#include "wire/slice.h"

/* The window. Bytes that were read and not used yet stand at [start, end). Below `floor` stands the
 * head of the request at hand, which the window leaves where it is. */
struct input {
    int fd;
    size_t floor, start, end;
    bool ended; /* the client sends no more, or the connection broke */
    char at[LIMIT_HEAD + LIMIT_BODY_WINDOW];
};

/* Reads what there is room for. Returns the count of bytes; 0 at their end, or when the connection
 * broke; -1 when nothing is there yet, or there is no room. */
ssize_t input_read(struct input *in);

/* The head at hand is done with: moves the bytes behind it to the front, so that the next head
 * starts at at[0]. */
void input_rewind(struct input *in);

/* A request's body. */
struct body {
    struct input *in;
    bool chunked;
    bool to_end;           /* it ends where the client's bytes do */
    uint64_t length, left; /* of one with a length: its bytes, and those of them still to come */
    struct chunk chunk;    /* of a chunked one: where its decoding stands */
    bool bad;              /* its coding is wrong, or the client ended within it */
    struct slice content;  /* the piece at hand, in the window */
};

/* Begins the body that stands at in->start: `length` bytes, or in the chunked coding. */
void body_start(struct body *b, struct input *in, bool chunked, uint64_t length);
/* The same of a body that ends where the client's bytes do. */
void body_start_to_end(struct body *b, struct input *in);

/* Makes b->content the next piece of what has been read. Returns whether there is one. */
bool body_next(struct body *b);

/* n bytes of b->content are done with. */
void body_taken(struct body *b, size_t n);

/* Whether all of the body was taken: the bytes behind it are another request's. */
bool body_ended(const struct body *b);

/* Reads on, and notes in b->bad an end that comes too early. Returns as input_read does. */
ssize_t body_read(struct body *b);

/* Takes all that has been read of it, and drops it. */
void body_skip(struct body *b);

/* Reads the rest and drops it: LIMIT_DRAIN bytes at most, until the deadline, until nothing has
 * come for `idle` milliseconds, or until it is found to be bad. Returns whether that was all of
 * it. */
bool body_drop(struct body *b, int64_t deadline, int64_t idle);

#endif
