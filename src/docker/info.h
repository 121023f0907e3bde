/* info.h: docker version and docker info. */
#ifndef DOCKER_INFO_H
#define DOCKER_INFO_H

#include "docker/command.h"

extern const struct docker_flag docker_format_flags[];

/* No arguments: return the exit status. */
int docker_version(int argc, char **argv);
int docker_info(int argc, char **argv);

#endif
