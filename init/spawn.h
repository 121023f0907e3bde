/* spawn.h: starts this executable again under one of its other names. */
#ifndef INIT_SPAWN_H
#define INIT_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

/* This executable's path. */
const char *spawn_path(void);

/* Lets this process have as many descriptors as it ever may (getrlimit(2), RLIMIT_NOFILE): a
 * thousand connections take as many. What it starts gets the limit that there was. False where it
 * has as many already. */
bool spawn_raise_descriptors(void);

/* Starts `bastion ARG...` (argv[0] is its name) as the leader of a session of its own, with no
 * signal blocked or ignored. `fd` becomes its standard input and output, or it keeps this
 * process's where that is -1; and `link` its link (base/init_link.h), unless that is -1. Returns
 * its process id, or -1 with errno, execve(2)'s too. */
pid_t spawn_self(const char *const *argv, char *const *environment, int fd, int link);

/* The same, and waits for its end. Returns its exit code, 128 + n for signal n, or -1 with errno
 * when it did not start. */
int spawn_and_wait(const char *const *argv, char *const *environment);

#endif
