/* exec.h: docker exec. */
#ifndef DOCKER_EXEC_H
#define DOCKER_EXEC_H

#include "docker/command.h"

extern const struct docker_flag docker_exec_flags[];

/* CONTAINER COMMAND [ARG...]: returns the command's exit code, or 1. */
int docker_exec(int argc, char **argv);

#endif
