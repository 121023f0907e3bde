/* template.h: the simple part of Go's text/template that --format is mostly used for: text, {{.Path.To.Field}}, {{json .Path}}
 * and {{index .Path "key"}}. */
#ifndef DOCKER_TEMPLATE_H
#define DOCKER_TEMPLATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/slice.h"

/* One piece of a template. */
struct docker_piece {
    enum { PIECE_TEXT, PIECE_VALUE, PIECE_JSON, PIECE_INDEX } kind;
    struct slice text; /* of PIECE_TEXT */
    struct slice path; /* of all others: ".Path.To.Field", or "." */
    struct slice key;  /* of PIECE_INDEX */
};

/* Reads the next piece of *rest. Returns 1, 0 at the end, or -1: it is none of these pieces. */
int docker_template_next(struct slice *rest, struct docker_piece *piece);

/* Whether the whole template is made of such pieces; else a line says what is not. */
bool docker_template_check(const char *template);

/* Adds what the template makes of a JSON value. False: a field is not there, and `fault` has the reason. */
bool docker_template_fill(struct buf *b, const char *template, struct slice value, char fault[LIMIT_DOCKER_MESSAGE]);

/* Adds a JSON value as Go prints it: a string without quotes, [a b], map[a:b c:d]. */
void docker_template_print(struct buf *b, struct slice value);

#endif
