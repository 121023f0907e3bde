/* top.h: docker top. */
#ifndef DOCKER_TOP_H
#define DOCKER_TOP_H

/* CONTAINER [ps OPTIONS]: returns the exit status. */
int docker_top(int argc, char **argv);

#endif
