/* filter.h: the option --filter NAME=VALUE. */
#ifndef DOCKER_FILTER_H
#define DOCKER_FILTER_H

#include "base/buf.h"
#include "docker/command.h"

/* What is wrong with a filter, or NULL. */
const char *docker_filter_check(const char *filter);

/* Adds a list of them as the engine takes it in a query: filters={"name":{"value":true}}, escaped;
 * nothing for none. */
void docker_filter_write(struct buf *b, const struct docker_list *list);

#endif
