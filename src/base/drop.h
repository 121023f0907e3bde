/* drop.h: becoming an account, for good. */
#ifndef BASE_DROP_H
#define BASE_DROP_H

#include "base/account.h"

/* Becomes the account: groups, then gid, then uid, all three of each, and verifies that there is no
 * way back. Returns 0, or -1 with errno; the process must not go on after -1. */
int drop_to(const struct account *a);

#endif
