/* inspect.h: docker inspect: what the engine knows of an object. */
#ifndef DOCKER_INSPECT_H
#define DOCKER_INSPECT_H

#include "docker/command.h"

extern const struct docker_flag docker_inspect_flags[];

/* Names of objects of any kind, of containers, of services. Returns the exit status: 1 when one is
 * not there. */
int docker_inspect(int argc, char **argv);
int docker_inspect_container(int argc, char **argv);
int docker_inspect_service(int argc, char **argv);

#endif
