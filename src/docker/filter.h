/* filter.h: the option --filter NAME=VALUE. */
#ifndef DOCKER_FILTER_H
#define DOCKER_FILTER_H

#include "base/buf.h"
#include "docker/command.h"

/* Whether a filter will do: it is empty, or has a value (see command.h). */
bool docker_filter_check(const char *filter, struct buf *why);

/* Adds filters={...}, as the engine takes them, to `path`, which ends in the ? or & before it.
 * Where there are no filters, takes that ? or & away instead. Returns the path, or NULL when it is
 * too long: that has been reported. */
const char *docker_filter_path(struct buf *path, const struct docker_list *list);

#endif
