/* table.h: columns as Go's text/tabwriter makes them, since scripts cut them by their positions. */
#ifndef DOCKER_TABLE_H
#define DOCKER_TABLE_H

#include <stdbool.h>

#include "base/buf.h"

/* What messages say where a buffer of LIMIT_DOCKER_RESPONSE bytes was too small. */
#define DOCKER_TOO_MUCH "there is too much to show"

/* An empty buffer to put rows together in, the same memory at each call: a tab ends a cell, a
 * newline a row. */
struct buf docker_table_buffer(void);

/* Whether all that was added to the buffer had room; else a line has been printed. */
bool docker_table_fits(const struct buf *b);

/* Prints the rows: a column is at least `least` wide, and `padding` wider than its widest cell; a
 * row's last text is not part of any column. What could steer a terminal is escaped (docker_show).
 * Returns 0, or 1 when the rows did not fit: then a line has been printed. */
int docker_table_print(const struct buf *b, size_t least, size_t padding);

#endif
