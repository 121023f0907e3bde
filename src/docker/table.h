/* table.h: columns as Go's text/tabwriter makes them, since scripts cut them by their positions. */
#ifndef DOCKER_TABLE_H
#define DOCKER_TABLE_H

#include "base/buf.h"

/* Where rows are put together: a tab ends a cell, a newline a row (one place for all). */
struct buf docker_table_buffer(void);

/* Prints the rows: a column is at least `least` wide, and `padding` wider than its widest cell; a
 * row's last text is not part of any column. What could steer a terminal is escaped (docker_show).
 * Returns 0, or 1 when the rows did not fit: then a line has been printed. */
int docker_table_print(const struct buf *b, size_t least, size_t padding);

#endif
