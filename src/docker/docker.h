/* docker.h: bastion docker, a small client of the Docker Engine API: what a FORCE_COMMAND needs of
 * docker(1), with the same output, messages and exit codes. */
#ifndef DOCKER_DOCKER_H
#define DOCKER_DOCKER_H

/* Returns the exit status: that of the command where one was executed, else 0, 1, or 125 for
 * options that are wrong. */
int docker_main(int argc, char **argv);

#endif
