/* logs.h: docker logs and docker service logs: what a container has written. */
#ifndef DOCKER_LOGS_H
#define DOCKER_LOGS_H

#include <stdbool.h>
#include <stddef.h>

#include "docker/command.h"

extern const struct docker_flag docker_logs_flags[];

/* CONTAINER: returns the exit status. */
int docker_logs(int argc, char **argv);

/* Writes the query of the options, to follow a container's path. False: a line has been printed. */
bool docker_logs_query(char *out, size_t cap, bool details);
/* Whether each line begins with its time. */
bool docker_logs_stamped(void);

#endif
