/* json_path.h: where a value stands in a JSON text (RFC 8259): the names and indexes that lead to
 * it from the outermost value. `.a.b.0` is the first element of the array in the member b of the
 * member a. A number also names a member. What is between two dots stands for itself, so that a
 * name with a dot in it can't be reached. */
#ifndef WIRE_JSON_PATH_H
#define WIRE_JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/slice.h"

/* Whether the text is such a path, of at most LIMIT_JSON_DEPTH names, none empty and each shorter
 * than LIMIT_JSON_NAME. The other functions take none but these. */
bool json_path_is_valid(struct slice path);

/* Whether the path has this name behind `before` others. */
bool json_path_has(const char *path, size_t before, struct slice name);

/* Whether the path has more than this many names. */
bool json_path_has_more(const char *path, size_t names);

#endif
