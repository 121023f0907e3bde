/* roles.h: the roles: folders in ROLES_DIR, each shaped as /etc/bastion itself, with credentials
 * and what these buy (bastion-settings(5), ROLES). They are read anew for every login, so that one
 * comes, changes and goes without a restart. */
#ifndef CORE_ROLES_H
#define CORE_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/slice.h"

#define ROLES_KEYS "users.d"    /* in a role's folder, as AUTHORIZED_KEYS_DIR is outside */
#define ROLES_TOKENS "tokens.d" /* as TOKENS_DIR */

/* Which state of a role's folder it is: another folder in its place, or one in which a name has
 * come, changed or gone, is another state. */
struct role_state {
    dev_t device;
    ino_t inode;
    struct timespec modified, changed;
};

struct role {
    char name[LIMIT_ROLE_NAME + 1];
    struct role_state state; /* before anything of it was read */
};

struct roles {
    size_t count;
    struct role role[LIMIT_ROLES]; /* by name */
};

/* Whether n bytes can be a role's name: [a-z0-9][a-z0-9_-]*, at most LIMIT_ROLE_NAME. */
bool roles_is_name(struct slice name);

/* Whether the directory is there, so that there may be roles at any time. */
bool roles_any(const char *directory);

/* Lists the roles of the directory, an absolute path; one that is missing has none. A folder with
 * another name, one that leads elsewhere, and one that a command or an account other than root's
 * could have written (core/protect.h, PROTECT_SETTING) are none, and named in `errors`, a line
 * each, as is more than there is room for. */
void roles_list(struct roles *r, const char *directory, struct buf *errors);

/* Writes the path of a role's folder, or of `entry` in it (not NULL), into `path` and returns it;
 * NULL where it is too long. */
const char *roles_path(char path[LIMIT_PATH], const char *directory, const char *role,
                       const char *entry);

/* Whether the folder is as roles_list found it: then what was read of it since is of one state. */
bool roles_is_unchanged(const char *directory, const struct role *role);

/* Reads the state of the folder. False where there is none. */
bool roles_look(const char *directory, struct role *role);

#endif
