/* docker_exec.h: docker exec. */
#ifndef TOOL_DOCKER_EXEC_H
#define TOOL_DOCKER_EXEC_H

#include "tool/docker_command.h"

extern const struct docker_flag docker_exec_flags[];

/* CONTAINER COMMAND [ARG...]: returns the command's exit code, or 1. */
int docker_exec(int argc, char **argv);

#endif
