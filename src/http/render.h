/* render.h: runs as JSON (RFC 8259), and the list of them. What comes in is what a record says
 * (core/record.h) and bytes of output, in pieces. */
#ifndef HTTP_RENDER_H
#define HTTP_RENDER_H

#include <stdbool.h>

#include "base/buf.h"
#include "core/record.h"

enum render_form {
    RENDER_NOT,       /* output as it is */
    RENDER_RUN,       /* one run: an object whose last member is its output */
    RENDER_LIST,      /* runs, each a struct record_about: a line of text for each */
    RENDER_LIST_JSON, /* ... or an array of objects, which have no output */
};

enum {
    /* Bytes that come in at a time, and what they become at most: a byte of output may be a
     * character of six (\u0000), and a record an object of some hundred and of its user's name. */
    RENDER_PIECE = 8192,
    RENDER_ROOM = 6 * RENDER_PIECE + 4096
};

struct render {
    enum render_form form;
    bool any; /* of a list: there has been one */
    size_t n; /* bytes of `piece` that are there and not done with */
    char piece[RENDER_PIECE];
};

void render_start(struct render *r, enum render_form form);

/* What comes before the pieces; about: of RENDER_RUN. */
void render_head(struct render *r, struct buf *b, const struct record_about *about);

/* Renders what r->piece has, r->n bytes, as far as that is whole: r->n is what is left of it then,
 * at the front. With `all` nothing more is to come. */
void render_piece(struct render *r, struct buf *b, bool all);

/* What comes behind them. */
void render_tail(struct render *r, struct buf *b);

/* The names of states, as in answers. */
const char *render_state(const struct record_about *about);

#endif
