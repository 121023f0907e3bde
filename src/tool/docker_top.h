/* docker_top.h: docker top. */
#ifndef TOOL_DOCKER_TOP_H
#define TOOL_DOCKER_TOP_H

/* CONTAINER [ps OPTIONS]: returns the exit status. */
int docker_top(int argc, char **argv);

#endif
