/* reply.h: what the response to a request has to know of that request, the fields that every
 * response has, and responses whose body is one line of ours. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum reply_form {
    REPLY_HTTP, /* a status line and fields, RFC 9112 */
    REPLY_CGI   /* a Status field and fields, RFC 3875, section 6; the web server frames the body */
};

struct reply {
    enum reply_form form;
    int out; /* the descriptor that responses are written to */
    /* output of unknown length is sent in chunks; else it ends with the connection */
    bool chunked;
    bool close; /* no further request is read after this response */
    bool lost;  /* the client is gone */
    bool ran;   /* a command was started for it */
    /* the client waits for 100 (Continue) before it sends the body */
    bool expects_continue;
    /* a part of the request is still to come, and to be read before the connection is closed */
    bool unread;
    bool trailers;  /* the client reads trailer fields */
    bool json;      /* the body is JSON, else text */
    bool head_only; /* the request's method is HEAD */
    bool no_length; /* Content-Length would stand beside a web server's Transfer-Encoding */
};

/* Appends the status and the fields that every response has, without the empty line that ends
 * them. */
void reply_head(struct buf *b, const struct reply *reply, int status);

/* Ends the head of a response whose body has n bytes. */
void reply_end_head(struct buf *b, const struct reply *reply, size_t n);

/* Sends a whole response: `fields` are complete lines or "", `text` is the body less its newline;
 * NULL: what the table of status.h has. Returns 0, or -1 when the client did not take it. */
int reply_send(const struct reply *reply, int status, const char *fields, const char *text);

/* Sends 100 (Continue). Returns 0, or -1 when the client did not take it. */
int reply_continue(const struct reply *reply);

#endif
