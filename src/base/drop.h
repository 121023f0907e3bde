/* drop.h: becoming an account, for good. */
#ifndef BASE_DROP_H
#define BASE_DROP_H

#include "base/account.h"

/* Becomes the account: groups, then gid, then uid, all three of each, and verifies that there is no
 * way back. Returns 0, or -1 with errno; the process must not go on after -1. */
int drop_to(const struct account *a);

/* The same for a child that shares its parent's memory (clone(2), CLONE_VM) and is about to call
 * execve(2): system calls alone, since the C library's functions for it look after all threads of a
 * process, for which they would take the parent. Returns 0, or -1 with errno. */
int drop_in_child(const struct account *a);

#endif
