/* state.h: the commands that change a container, or wait for it: start, stop, restart, kill, pause,
 * unpause, rm, wait. */
#ifndef DOCKER_STATE_H
#define DOCKER_STATE_H

#include "docker/command.h"

extern const struct docker_flag docker_stop_flags[], docker_kill_flags[], docker_rm_flags[];

/* Each takes containers' names and returns 0, or 1 when one of them failed. */
int docker_start(int argc, char **argv);
int docker_stop(int argc, char **argv);
int docker_restart(int argc, char **argv);
int docker_kill(int argc, char **argv);
int docker_pause(int argc, char **argv);
int docker_unpause(int argc, char **argv);
int docker_rm(int argc, char **argv);
int docker_wait(int argc, char **argv);

#endif
