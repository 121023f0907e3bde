/* response.h: a run's events as an HTTP message: the held status line, the output, and an ending
 * that tells. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/body.h"
#include "http/reply.h"
#include "base/peer.h"
#include "core/frontend.h"
#include "core/session.h"
#include "limit.h"
#include "wire/chunk.h"

enum {
    /* where output stands in the frame: before it a head and a chunk's line */
    RESPONSE_DATA = LIMIT_RESPONSE_HEAD + CHUNK_HEAD,
    RESPONSE_TAIL = 64 /* behind it: CRLF, the last chunk, a trailer */
};

struct response {
    struct frontend client; /* first, so that one is the other */
    struct reply *x;
    struct body *body; /* the request's: the command's input, or read and dropped */
    char run[SESSION_RUN_ID];
    int64_t hold_ms, hold_until; /* CLOCK_NEVER until the command has started */
    bool streaming;              /* the status line is out */
    bool said;                   /* the command has put something out */
    /* the message was cut: the connection must not look as if it had ended well */
    bool broken;
    bool half_closed;         /* the client sends nothing any more */
    int64_t half_close_until; /* until when that does not mean that it is gone */
    size_t held;              /* bytes of output in the frame */
    size_t from, to;          /* what of the frame is to be written */
    struct peer_stall stall;  /* whether the client takes what it is sent */
    int64_t body_stall_at;
    char frame[RESPONSE_DATA + LIMIT_HELD + RESPONSE_TAIL];
};

/* Prepares the answer to one request, whose body is the command's input or (`is_input` false) not
 * wanted. `a` keeps belonging to the caller, who passes &a->client to session_serve; then a->broken
 * says how the message ended, and x->close whether the connection must end. */
void response_start(struct response *a, struct reply *x, struct body *body, bool is_input,
                    const char *run, int64_t hold_ms);

#endif
