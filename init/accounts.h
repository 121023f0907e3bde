/* accounts.h: the accounts of the container: root, and SSH_USER with its groups.
 *
 * There /etc/passwd and /etc/group are links into RUN_DIRECTORY, since all the rest may be
 * read-only; where they are (base/container.h), and only there, the accounts are bastion's to
 * write. */
#ifndef INIT_ACCOUNTS_H
#define INIT_ACCOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/settings.h"

/* The group of the Docker socket as it was seen last, with which the groups were written. */
struct accounts {
    bool has_socket;
    gid_t socket_group;
};

/* Writes them: root, and SSH_USER with SSH_UID and SSH_GID, or with this process's own numbers
 * where it is not root; the group for the Docker socket that `environment` names (core/runas.h) has
 * it as a member. Returns 0, or -1 with errno. */
int accounts_write(struct accounts *a, const struct settings *s, char *const *environment);

/* Whether the Docker socket has another group than the last time: the engine was started anew, say.
 * `in_container` the groups are written again then. */
bool accounts_refresh_groups(struct accounts *a, const struct settings *s, char *const *environment,
                             bool in_container);

#endif
