/* env.h: an environment put together for a command, from nothing. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "limit.h"

struct env {
    struct buf b;
    bool full;
    size_t n;
    char text[LIMIT_ENVIRONMENT_TEXT];
    /* what execve(2) takes; the strings belong to the source or to `text` */
    char *list[LIMIT_ENVIRONMENT + 1];
};

void env_start(struct env *e);

/* Adds every NAME=VALUE of `source` whose name `keep` (given the name and its length) wants. */
void env_copy(struct env *e, char *const *source, bool (*keep)(const char *name, size_t n));

/* Adds NAME=VALUE, copied. The caller has seen to it that the name is not there yet. */
void env_set(struct env *e, const char *name, const char *value);

/* Adds NAME=VALUE as it stands, in the place of another of that name; it keeps belonging to the
 * caller. */
void env_replace(struct env *e, char *variable);

/* Overwrites every string of the environment, in which secrets may stand, and empties the list. */
void env_wipe(char **environment);

/* The value of `name` in an environment, or NULL. */
const char *env_get(char *const *environment, const char *name);

/* The finished list, or NULL when something did not fit. */
char *const *env_list(struct env *e);

#endif
