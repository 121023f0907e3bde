#include "base/drop.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Some machines have calls of this name for numbers of 16 bits too. */
#ifdef SYS_setresuid32
enum { SET_GROUPS = SYS_setgroups32, SET_GID = SYS_setresgid32, SET_UID = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GID = SYS_setresgid, SET_UID = SYS_setresuid };
#endif

/* The C library's own functions would ask all threads to do the same, of which there are none here:
 * for each call five more, to keep signals away meanwhile. A call that has succeeded has done all
 * of it, or the kernel can't be trusted anyhow; what is tried is the way back. */
static int drop(const struct account *a) {
    if (syscall(SET_GROUPS, (long)a->group_count, a->groups) == -1
        || syscall(SET_GID, a->gid, a->gid, a->gid) == -1
        || syscall(SET_UID, a->uid, a->uid, a->uid) == -1
        /* The change of user sets this to fs.suid_dumpable (proc(5)), which may be 1. */
        || syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
        return -1;
    if (a->uid != 0 && syscall(SET_UID, 0, 0, 0) == 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

int drop_in_child(const struct account *a) { return drop(a); }

int drop_to(const struct account *a) { return drop(a); }
