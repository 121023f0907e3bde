/* zero.h: what Go makes of a field that the engine's JSON leaves out, or has as null. */
#ifndef DOCKER_ZERO_H
#define DOCKER_ZERO_H

#include "wire/slice.h"

/* The empty list and the empty map, which are told from others by their addresses: the function
 * json writes them as null. */
extern const struct slice docker_zero_list, docker_zero_map;

/* The zero value of the field of that name, in any object; template_none for one that is not
 * known. */
struct slice docker_zero_of(struct slice name);

#endif
