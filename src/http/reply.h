/* reply.h: what an answer must know of its request, and answers that are one piece of text. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum reply_form {
    FORM_HTTP, /* a status line and fields, RFC 9112 */
    FORM_CGI   /* a Status field and fields, RFC 3875, section 6; the web server frames the body */
};

struct reply {
    enum reply_form form;
    int out; /* the descriptor that answers go to */
    /* output of unknown length is sent in chunks; else it ends with the connection */
    bool chunked;
    bool close;     /* no further request is read after this answer */
    bool ran;       /* it tells of a run */
    bool continues; /* the client waits for a 100 (Continue) before it sends the body */
    /* a part of the request is still to come, and to be read before the connection is closed */
    bool rest;
    bool trailers;  /* the client reads trailer fields */
    bool head_only; /* HEAD */
};

/* Puts the status and the fields that every answer has, without the empty line that ends them. */
void reply_head(struct buf *b, const struct reply *x, int status);

/* Sends a whole answer: `fields` are complete lines or "", `text` is the body less its newline;
 * NULL: what the table of status.h has. Returns 0, or -1 when the client did not take it. */
int reply_send(const struct reply *x, int status, const char *fields, const char *text);

/* Sends 100 (Continue). Returns 0 or -1. */
int reply_continue(const struct reply *x);

#endif
