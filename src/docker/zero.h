/* zero.h: what Go makes of a field that the engine's JSON leaves out, or has as null. */
#ifndef DOCKER_ZERO_H
#define DOCKER_ZERO_H

#include "wire/slice.h"

/* Lists and maps of it, which json has as null. */
extern const struct slice docker_zero_list, docker_zero_map;

/* The zero value of the field of that name, in whichever object; template_none for one that is not
 * known. */
struct slice docker_zero_of(struct slice name);

#endif
