/* landlock.h: Landlock (landlock(7)): a process that can't change chosen files and directories, nor
 * can anything that it starts, whoever owns them. */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"

/* The kernel's version, or less than 1; landlock_heed_version: somebody has asked for it already.
 */
long landlock_version(void);
void landlock_heed_version(long known);

/* Whether this kernel, and what filters this process's calls, have as much of it as is needed: its
 * third version, since before that truncate(2) was not covered. */
bool landlock_is_available(void);

/* Absolute paths without links. */
struct landlock_paths {
    size_t count;
    size_t used;
    bool full; /* one did not fit */
    const char *at[LIMIT_CLOSED_PATHS];
    uint16_t place[2 * LIMIT_CLOSED_PATHS]; /* by path: an index of `at` and 1; 0: free */
    char text[LIMIT_CLOSED_TEXT];
};

/* Starts an empty list. */
void landlock_start(struct landlock_paths *p);

/* Adds one, unless it is there. */
void landlock_add(struct landlock_paths *p, const char *path);

/* Makes a ruleset that closes everything at and below `closed`. Rules only allow, and what they
 * allow they allow for all that is below. So there is none for the directories that lead there
 * (`ways`, from / on), but one for each entry of theirs that is itself neither a way nor closed,
 * under whatever name (a bind mount is a second one). What is made in a way later is closed.
 * Returns a descriptor (close-on-exec), or -1 with errno; E2BIG when there are more entries than
 * fit. */
int landlock_make(const struct landlock_paths *ways, const struct landlock_paths *closed);

/* Takes from this process, for good, and from whatever it starts, all that this kernel's version of
 * Landlock knows: to open, make, change and execute any file; since version 4 to connect by TCP and
 * to listen; since 6 to signal processes outside and to connect to their abstract sockets. What is
 * open stays so. The process must have given up new privileges before (no_new_privs, prctl(2)).
 * Returns 0, or -1 with errno where the kernel has no Landlock. */
int landlock_close_all(void);

/* What is left to be done at a path, and below it where that is a directory. */
enum landlock_use {
    LANDLOCK_TO_READ,  /* read, list */
    LANDLOCK_TO_RUN,   /* read, execute */
    LANDLOCK_TO_DEVICE /* read, write, control (ioctl(2)) */
};
struct landlock_grant {
    const char *path; /* links are followed; what is not there is left out */
    enum landlock_use use;
};

/* As landlock_close_all, but for what the n grants leave. */
int landlock_close_all_but(const struct landlock_grant *grants, size_t n);

/* Puts this process under the ruleset, for good, and takes its way to new privileges with it
 * (no_new_privs). It makes nothing but two system calls: a child of vfork(2) may call it. Returns
 * 0, or -1 with errno. */
int landlock_enter(int ruleset);

#endif
