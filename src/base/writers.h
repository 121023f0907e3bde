/* writers.h: who could change what stands at a path, while a command runs as some account. */
#ifndef BASE_WRITERS_H
#define BASE_WRITERS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/account.h"

enum {
    WRITERS_ACCOUNT = 1, /* the account, as owner, by one of its groups, or as anybody */
    /* an account that is neither root nor that one, or a group that it is not in */
    WRITERS_OTHERS = 2
};

struct writers {
    unsigned who;   /* bits of the above; 0: root alone */
    bool missing;   /* nothing is there, or it can't be reached by this process */
    struct stat st; /* of what is there */
    /* the first directory or file that they could change; empty for nobody */
    char place[LIMIT_PATH];
    char real[LIMIT_PATH]; /* the path with its links followed, as far as it leads */
};

/* Goes down an absolute path from /, through its symbolic links, and looks at every directory on
 * the way and at what is at its end: its owner, its mode (that of a POSIX ACL shows in the group's
 * bits, and counts for the account), the sticky bit, and whether it is on a read-only mount. What
 * is missing can be made by whoever can write the directory that it would be in. `account` is who
 * runs commands, NULL for everybody but root. `visit` (or NULL) is called with each directory on
 * the way. Returns w->who. */
unsigned writers_find(struct writers *w, const char *path, const struct account *account,
                      void (*visit)(void *context, const char *directory), void *context);

/* Whether the account could read what stands at an absolute path. */
bool writers_can_read(const char *path, const struct account *account);

#endif
