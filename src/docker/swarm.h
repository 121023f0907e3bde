/* swarm.h: names and numbers of a Swarm's services, tasks and nodes. */
#ifndef DOCKER_SWARM_H
#define DOCKER_SWARM_H

#include <stdint.h>

#include "docker/conn.h"

enum { DOCKER_NAME = 256 }; /* bytes of a name or id; a longer one is empty */

/* Copies a JSON string; what does not fit, or is none, is empty. */
void docker_text(char *out, size_t cap, struct slice value);

/* Looks a service up: its id and name. Returns the status, or -1 when a line has been printed. */
int docker_swarm_service(struct docker_conn *c, const char *wanted, char id[DOCKER_NAME],
                         char name[DOCKER_NAME]);

/* Asks once for the nodes; then docker_node_name is a node's name, or its id where there is
 * none. */
void docker_read_nodes(struct docker_conn *c);
const char *docker_node_name(const char *id);

/* The slot of a task in its service; 0 where it has none, as in a global one. Asks once for
 * each. */
unsigned docker_task_slot(struct docker_conn *c, const char *id);

#endif
