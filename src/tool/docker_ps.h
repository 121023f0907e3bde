/* docker_ps.h: docker ps. */
#ifndef TOOL_DOCKER_PS_H
#define TOOL_DOCKER_PS_H

#include "tool/docker_command.h"

extern const struct docker_flag docker_ps_flags[];

/* No arguments: returns the exit status. */
int docker_ps(int argc, char **argv);

#endif
