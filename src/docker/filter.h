/* filter.h: the option --filter NAME=VALUE. */
#ifndef DOCKER_FILTER_H
#define DOCKER_FILTER_H

#include "base/buf.h"
#include "docker/command.h"

/* Whether a filter will do: it is empty, or has a value (see command.h). */
bool docker_filter_check(const char *filter, struct buf *why);

/* Ends a path and its query, of which `path` has all but the filters, with filters={...} as the
 * engine takes them; where there are none, with what stands before a last ? or &. Returns the
 * path, or NULL when it is too long: that has been reported. */
const char *docker_filter_path(struct buf *path, const struct docker_list *list);

#endif
