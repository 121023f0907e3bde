/* ports.h: a container's ports for people, as docker ps shows them. */
#ifndef DOCKER_PORTS_H
#define DOCKER_PORTS_H

#include "base/buf.h"
#include "wire/slice.h"

/* Adds the ports of the engine's array, those that follow each other as one range:
 * "0.0.0.0:8080->80/tcp, 9000-9003/tcp". */
void docker_ports_print(struct buf *b, struct slice ports);

#endif
