/* drop.h: an account, and becoming it for good. */
#ifndef BASE_DROP_H
#define BASE_DROP_H

#include <stdbool.h>
#include <sys/types.h>

#include "limit.h"

struct account {
    uid_t uid;
    gid_t gid;
    gid_t groups[LIMIT_GROUPS];
    int group_count;
    char name[LIMIT_USER];
    char home[LIMIT_PATH];
};

/* Looks up `name` with its groups (getpwnam(3), getgrouplist(3)). Returns 0, or -1: no such account, or more
 * groups or a longer home than fit. */
int drop_find(struct account *a, const char *name);

/* The account that this process runs as already; one without a passwd entry has its number for a name and / for
 * a home. */
void drop_self(struct account *a);

/* Adds a group unless it is there. False when there is no room. */
bool drop_add_group(struct account *a, gid_t group);

/* Becomes the account: groups, then gid, then uid, all three of each, and verifies that there is no way back.
 * Returns 0, or -1 with errno; the process must not go on after -1. */
int drop_to(const struct account *a);

#endif
