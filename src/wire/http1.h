/* http1.h: the head of an HTTP/1.x request (RFC 9112, sections 2 to 6; RFC 9110, section 5), or of
 * an answer (section 4). Strict: what two parsers could read in two ways is refused. Pure: bytes
 * in, values out. */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"
#include "wire/slice.h"

/* A head as it is read. The slices point into the caller's buffer, which must not move before the
 * head is done with. */
struct http1_head {
    /* where the reading stands */
    size_t line, scanned; /* the first byte of the line under way, and the bytes looked at */
    bool started, done;   /* the first line is through; the empty line too */
    bool is_answer;

    struct slice method, target; /* of a request */
    int status;                  /* of an answer */
    int minor; /* of HTTP/1.minor: 0 or 1; a higher one counts as 1 (RFC 9110, section 2.5) */
    size_t fields;
    struct slice name[LIMIT_FIELDS], value[LIMIT_FIELDS];
};

/* Starts the head of a request. */
void http1_start(struct http1_head *head);
/* The same of an answer: its head is not whole before 200 is returned either, whatever head->status
 * says then. */
void http1_start_response(struct http1_head *head);

/* Goes on reading the head from the n bytes that `in` holds by now (the same bytes as before, and
 * more behind them). Returns 0 when it needs more, 200 when the head is whole (head->scanned is its
 * length), or the status that refuses it: 400, 414, 431, 505. */
int http1_read_head(struct http1_head *head, const char *in, size_t n);

/* The value of the field `name` (case-insensitive) that comes first; returns how many there are. */
size_t http1_find(const struct http1_head *head, const char *name, struct slice *value);

/* Whether the list-valued field `name`, all its lines together, has the element `token` (RFC 9110,
 * section 5.6.1). */
bool http1_lists(const struct http1_head *head, const char *name, const char *token);

/* What the head says of the message and of the connection. */
struct http1_framing {
    struct slice path; /* the target's path, without the query */
    /* host and port: the Host field, or the target's in absolute form; may be empty */
    struct slice authority;
    uint64_t length; /* of the body, when it is not chunked */
    bool chunked;
    bool expects_continue;
    bool persistent; /* the client allows another request on this connection */
    bool trailers;   /* the client reads trailer fields */
};

/* Returns 0, or the status that refuses the request: 400 or 417. */
int http1_read_framing(const struct http1_head *head, struct http1_framing *f);

/* Character classes of RFC 9110: a token's characters, and those of a field's value. */
bool http1_is_token(struct slice s);
bool http1_is_value(struct slice s);

#endif
