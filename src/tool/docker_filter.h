/* docker_filter.h: the option --filter NAME=VALUE. */
#ifndef TOOL_DOCKER_FILTER_H
#define TOOL_DOCKER_FILTER_H

#include "base/buf.h"
#include "tool/docker_command.h"

/* What is wrong with a filter, or NULL. */
const char *docker_filter_check(const char *filter);

/* Adds a list of them as the engine takes it in a query: filters={"name":{"value":true}}, escaped; nothing for none. */
void docker_filter_write(struct buf *b, const struct docker_list *list);

#endif
