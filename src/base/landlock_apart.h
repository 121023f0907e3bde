/* landlock_apart.h: Landlock (landlock(7)): a command that is kept apart from other processes of
 * its account. */
#ifndef BASE_LANDLOCK_APART_H
#define BASE_LANDLOCK_APART_H

/* Makes a ruleset (for landlock_enter) that takes two things from whoever enters it. It opens no
 * terminal beneath /dev/pts, be it there already or made later, by whomever, but `terminal`, a
 * descriptor, or -1; every other file is open to it as before, but for those that are made in / and
 * /dev themselves while it runs. And since each entering makes a domain of its own, it traces no
 * process that has not come from it, and reads no such one's memory, environment or descriptors
 * (ptrace(2), /proc/PID/mem). Mounts can't be changed within. Needs landlock_is_available. Returns
 * a descriptor (close-on-exec), or -1 with errno. */
int landlock_make_apart(int terminal);

#endif
