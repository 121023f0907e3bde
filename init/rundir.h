/* rundir.h: RUN_DIRECTORY (base/run_directory.h), there and safe before anybody is served. */
#ifndef INIT_RUNDIR_H
#define INIT_RUNDIR_H

#include <stdbool.h>

enum rundir {
    RUNDIR_OURS,   /* it is this account's, and nobody else's to write */
    RUNDIR_OTHERS, /* it is another account's, or can't be made: there will be no SSH */
    RUNDIR_UNSAFE  /* *error says why nothing may be served */
};

/* Makes it, and in the container /run itself, this account's own. */
enum rundir rundir_prepare(const char **error);

/* Whether `path` is on a file system of its own (a volume), and not on the container's, which goes
 * with it. True too where nobody knows. */
bool rundir_is_volume(const char *path);

#endif
