/* swarm.h: names and numbers of a Swarm's services, tasks and nodes. */
#ifndef DOCKER_SWARM_H
#define DOCKER_SWARM_H

#include <stdint.h>

#include "docker/conn.h"

enum { DOCKER_NAME = 256 }; /* bytes of a name or id; a longer one is empty */

/* Looks a service up: its id and name. Returns the status, or DOCKER_NO_RESPONSE when there was
 * none, or none that could be read: that has been reported. */
int docker_swarm_service(struct docker_conn *c, const char *wanted, char id[DOCKER_NAME],
                         char name[DOCKER_NAME]);

/* The names of a Swarm's nodes. */
struct docker_nodes {
    struct buf list; /* id, NUL, name, NUL, and so on */
    char bytes[LIMIT_VALUE];
};
/* Asks the engine for them; where it refuses, there are none. */
void docker_swarm_read_nodes(struct docker_nodes *nodes, struct docker_conn *c);
/* A node's name, in the struct; `id` itself where there is none. */
const char *docker_swarm_node(const struct docker_nodes *nodes, const char *id);

/* The slots of the tasks that were looked up last; a zeroed one holds none. */
struct docker_slots {
    struct {
        char task[DOCKER_NAME];
        unsigned slot;
    } known[64];
    size_t count; /* of the tasks that were ever looked up */
};
/* The slot of a task in its service; 0 where it has none, as in a global one. Asks the engine, if
 * that is not known. */
unsigned docker_swarm_slot(struct docker_slots *slots, struct docker_conn *c, const char *task);

/* Adds a published port as "*:PUBLISHED->TARGET/PROTOCOL", and `separator` before it where the
 * buffer holds something already. */
void docker_swarm_add_port(struct buf *b, struct slice port, const char *separator);

#endif
