/* env_options.h: the variables that docker exec gives to a command: -e and --env-file. */
#ifndef DOCKER_ENV_OPTIONS_H
#define DOCKER_ENV_OPTIONS_H

#include <stdbool.h>

#include "base/buf.h"
#include "docker/command.h"

/* Adds the JSON array of the variables: those of the files, then those of the list. A NAME
 * alone gets the value that it has in this program's environment. Where it has none there, it is
 * left out if it is a file's; the list's goes to the engine as it is, which takes the variable
 * away. False: a line has been printed. */
bool docker_env_write(struct buf *b, const struct docker_list *files,
                      const struct docker_list *list);

/* Whether NAME[=VALUE] will do (see command.h). */
bool docker_env_check(const char *variable, struct buf *why);

#endif
