/* landlock_apart.h: Landlock (landlock(7)): a command that is kept apart from other processes of
 * its account. */
#ifndef BASE_LANDLOCK_APART_H
#define BASE_LANDLOCK_APART_H

#include <stdbool.h>

/* Makes a ruleset (for landlock_enter) that takes two things from whoever enters it. It opens no
 * terminal beneath /dev/pts, be it there already or made later, by whomever, but `terminal`, a
 * descriptor, or -1; every other file is open to it as before, but for those that are made in / and
 * /dev themselves while it runs. And since each entering makes a domain of its own, it traces no
 * process that has not come from it, and reads no such one's memory, environment or descriptors
 * (ptrace(2), /proc/PID/mem). Mounts can't be changed within. Needs landlock_is_available. Returns
 * a descriptor (close-on-exec), to be given to landlock_release_apart, or -1 with errno. */
int landlock_make_apart(int terminal);
void landlock_release_apart(int *ruleset);

/* It takes some 60 system calls, and is nearly always the same. So `bastion init` makes one ahead
 * of time, without a terminal, which the processes that it starts have as this descriptor. Whoever
 * holds it could add to it (landlock_add_rule(2)) for all who enter it later: it is for monitors,
 * which could start anything without it as well; and no process that parses may have it open. The
 * variable has a number for what was in / and /dev: where that has changed since,
 * landlock_make_apart makes a new one. */
#define LANDLOCK_APART_FD 4
#define LANDLOCK_APART_VARIABLE "BASTION_APART"
enum { LANDLOCK_APART_VARIABLE_SIZE = sizeof LANDLOCK_APART_VARIABLE + sizeof "=0123456789abcdef" };

/* Makes it, and the variable. Returns the descriptor, close-on-exec and above LANDLOCK_APART_FD, or
 * -1 with errno. */
int landlock_apart_prepare(char variable[LANDLOCK_APART_VARIABLE_SIZE]);

/* In a process that has it: lets landlock_make_apart use it. With `inherited` the programs that
 * this process starts have it too; `closes`: execve(2) closes it already. Returns whether there is
 * one. */
bool landlock_apart_take(char *const *environment, bool inherited, bool closes);

/* For a process that waits for its connection while core/watch.h tells of changes: compares ahead
 * of time what was in / and /dev; and says when the connection is there that nothing has changed.
 * The first run, if it starts in the next moment (LIMIT_JUDGED_MS) relies on it. */
void landlock_apart_look(void);
void landlock_apart_confirm(void);

/* This process needs it no more. */
void landlock_apart_close(void);

#endif
