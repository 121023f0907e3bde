/* rundir.h: what has to be there before anybody is served: the directories below /run, and in the
 * container the accounts.
 *
 * In the container /etc/passwd and /etc/group are links into /run/bastion, since all the rest may
 * be read-only; where they are, and only there, the accounts are bastion's to write. */
#ifndef INIT_RUNDIR_H
#define INIT_RUNDIR_H

#include <stdbool.h>

#include "core/settings.h"

#define RUNDIR "/run/bastion" /* whatever RUN_DIR says: login shells look there */

enum rundir {
    RUNDIR_OURS,   /* RUNDIR is ours */
    RUNDIR_OTHERS, /* it is another account's, or can't be made: there will be no SSH */
    RUNDIR_UNSAFE  /* *error says why nothing may be served */
};
enum rundir rundir_prepare(const char **error);

/* Whether the accounts are ours to write. */
bool rundir_is_container(void);

/* Writes them: root, and SSH_USER with SSH_UID and SSH_GID, or with this process's own numbers
 * where it is not root; the group for the Docker socket that `environment` names (core/runas.h) has
 * it as a member. Returns 0, or -1 with errno. */
int rundir_write_accounts(const struct settings *s, char *const *environment);

/* Writes the groups again if the Docker socket has another group than when they were written: the
 * engine was started anew, say. A failure is tried again the next time. */
void rundir_refresh_groups(const struct settings *s, char *const *environment);

/* Whether `path` is on a file system of its own (a volume), and not in the container's, which goes
 * with it. True too where nobody knows. */
bool rundir_lasts(const char *path);

#endif
