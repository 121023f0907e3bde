/* rows.h: a list that a command prints, a row an object: as a table, or by a template of the user's (--format). */
#ifndef DOCKER_ROWS_H
#define DOCKER_ROWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/slice.h"

struct docker_rows {
    bool table;
    char template[LIMIT_DOCKER_MESSAGE];
    struct buf text;
};

/* Starts a list. `format` is the user's: a template, or "table" with one behind it; empty or "table" alone is `usual`, which is a
 * table's. `titles` is a JSON object as the rows are, with a title for each field. False: a line has been printed. */
bool docker_rows_start(struct docker_rows *r, const char *format, const char *usual, const char *titles);

/* Adds a row: an object in JSON. False: a line has been printed. */
bool docker_rows_add(struct docker_rows *r, struct slice object);

/* Prints them. Returns the exit status. */
int docker_rows_end(struct docker_rows *r);

/* A row is put together as a JSON object of texts: each call adds a member. */
void docker_row_text(struct buf *row, const char *name, const char *text, size_t n);
/* Closes it. */
struct slice docker_row_end(struct buf *row);

#endif
