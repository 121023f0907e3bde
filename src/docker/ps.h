/* ps.h: docker ps. */
#ifndef DOCKER_PS_H
#define DOCKER_PS_H

#include "docker/command.h"

extern const struct docker_flag docker_ps_flags[];

/* No arguments: returns the exit status. */
int docker_ps(int argc, char **argv);

#endif
