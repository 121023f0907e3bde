/* response_parts.h: what response.c, response_frame.c and response_end.c have of one another. */
#ifndef HTTP_RESPONSE_PARTS_H
#define HTTP_RESPONSE_PARTS_H

#include "http/response.h"

/* ---- response_frame.c: what is written to the client ---- */

/* The client is gone: what was meant for it is dropped. */
void response_lose_client(struct response *r);

/* Writes as much of the frame as the client takes now. */
void response_flush(struct response *r);

/* Put something before and behind what is to be written. */
void response_prepend(struct response *r, const char *bytes, size_t n);
void response_append(struct response *r, const char *text);

/* Makes the output in the frame the next thing to write, as a chunk where the message is chunked;
 * the second also writes it. */
void response_frame_output(struct response *r);
void response_send_output(struct response *r);

/* Adds what is to be rendered now to the output in the frame. */
void response_append_rendered(struct response *r, void (*put)(struct render *, struct buf *));

/* The status of a run whose outcome is that, and the fields that go with it. */
int response_status(enum outcome_kind kind, int code, bool hook_ok);
void response_append_outcome(struct buf *b, enum outcome_kind kind, int code);

/* The status line and the fields that every response to a run has. */
void response_append_head(struct response *r, struct buf *b, int status);

/* ---- response.c ---- */

/* Writes what is left in the frame, as long as the client takes it. */
void response_write_rest(struct response *r);

/* The front end's operation: what the record says of the run. */
void response_record(struct frontend *f, const struct record_about *about);

/* ---- response_end.c ---- */

/* The front end's operation: ends the message. */
void response_ended(struct frontend *f, const struct outcome *o);

/* Tells a webhook's sender that the command runs. From here on it does so without a client. */
void response_answer_later(struct response *r);

static inline struct response *response_of(struct frontend *f) {
    return (struct response *)(void *)f;
}

#endif
