/* response.h: a run's events as one HTTP message: the status line, which waits for a quick exit;
 * the output; and an end from which a client sees whether the command succeeded. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/body.h"
#include "http/render.h"
#include "http/reply.h"
#include "base/peer.h"
#include "core/frontend.h"
#include "core/message.h"
#include "limit.h"
#include "wire/chunk.h"

enum {
    /* where output stands in the frame: before it there is room for a head and a chunk's line */
    RESPONSE_DATA = LIMIT_RESPONSE_HEAD + CHUNK_HEAD,
    RESPONSE_TAIL = 64 /* room behind it: CRLF, the last chunk, a trailer */
};

struct response {
    struct frontend frontend; /* first, so that a pointer to the one is one to the other */
    struct reply *reply;
    struct body *body;           /* the request's: the command's input, or read and dropped */
    char run[MESSAGE_RUN_ID];    /* empty until the monitor has named it */
    int64_t hold_ms, hold_until; /* CLOCK_NEVER until the command has started */
    bool streaming;              /* the status line is out */
    /* of a webhook: its sender is told of a quick end, or that the command runs; of a failure with
     * a status of success where `hook_ok` is set */
    bool is_hook, hook_ok;
    bool is_answered; /* that it runs was all */
    bool is_async;    /* as the client prefers it (RFC 7240) */
    int64_t left_out; /* bytes of output beyond what one answer has room for */
    bool has_output;  /* the command has written something */
    bool cut;         /* its end is missing: the connection must not look as if it had ended well */
    bool half_closed; /* the client sends nothing any more */
    int64_t half_close_until; /* until when that does not mean that it is gone */
    size_t held;              /* bytes of output in the frame */
    size_t from, to;          /* what of the frame is to be written */
    int64_t beat_ms, beat_at; /* HTTP_HEARTBEAT, and when the next one is due */
    bool has_about;           /* `about` is known */
    bool has_length;          /* `left` bytes of the message are still to come */
    int64_t left;
    struct peer_stall stall; /* whether the client takes what it is sent */
    int64_t body_stall_at;   /* when a client that sends none of its body counts as gone */
    /* last, since most requests never touch them */
    char frame[RESPONSE_DATA + LIMIT_HELD + RESPONSE_TAIL];
    struct record_about about; /* of the run, where it is kept */
    struct render render;
};

/* Prepares the response to one request, whose body is the command's input or (`is_input` false) not
 * wanted. `r` keeps belonging to the caller, who passes &r->frontend to front_run; after that
 * r->cut says how the message ended, and reply->close whether the connection must end. */
void response_start(struct response *r, struct reply *reply, struct body *body, bool is_input,
                    int64_t hold_ms);

/* Behind response_start: the output is to be rendered so. */
void response_render(struct response *r, enum render_form form);

/* The response to a HEAD whose status is 200. */
void response_head(struct response *r);

/* The response to a request for the state of a run, which `about` says, without its output. */
void response_state(struct response *r, const struct record_about *about, bool is_kill);

#endif
