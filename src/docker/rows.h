/* rows.h: a list that a command prints, a row an object: as a table, or by a template of the user's
 * (--format). */
#ifndef DOCKER_ROWS_H
#define DOCKER_ROWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "docker/template.h"
#include "limit.h"
#include "wire/slice.h"

/* What a command lists. */
struct docker_rows_kind {
    const char *usual; /* the template of a table's row */
    const char *raw;   /* a row of --format raw; with --quiet, raw_id */
    const char *raw_id;
    const char *titles;    /* a JSON object as the rows are, with a title for each field */
    const char *type;      /* what messages call a row */
    const char *complaint; /* what an error begins with */
    bool quiet_wins;       /* over a template of the user's */
};

struct docker_rows {
    const struct docker_rows_kind *kind;
    bool table;
    char format[LIMIT_DOCKER_MESSAGE];
    struct docker_template template;
    struct buf text;
};

/* Starts a list. `format` is the user's: empty, "table", "json", "raw", or a template, which
 * "table" may stand before. False: a line has been printed; the exit status is
 * DOCKER_NO_TEMPLATE. */
bool docker_rows_start(struct docker_rows *r, const struct docker_rows_kind *kind,
                       const char *format, bool quiet);

/* Adds a row: an object in JSON. False: a line has been printed. */
bool docker_rows_add(struct docker_rows *r, struct slice object);

/* Prints them. Returns the exit status. */
int docker_rows_end(struct docker_rows *r);

/* A row is put together as a JSON object: each call adds a member, a text or other JSON. A member
 * whose name begins with a space is seen by templates alone, not by json. */
void docker_row_text(struct buf *row, const char *name, const char *text, size_t n);
void docker_row_json(struct buf *row, const char *name, struct slice value);
/* Closes it. */
struct slice docker_row_end(struct buf *row);

#endif
