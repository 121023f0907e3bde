/* memory.h: large buffers that only some commands need. */
#ifndef DOCKER_MEMORY_H
#define DOCKER_MEMORY_H

#include "base/buf.h"

/* An empty buffer of `cap` bytes on the pages at *at, which are taken at the first call and kept
 * until the program ends: *at starts as NULL. Only bytes that are written to take memory. Where
 * there are no pages the buffer has no room, and is full at the first byte. */
struct buf docker_memory(char **at, size_t cap);

#endif
