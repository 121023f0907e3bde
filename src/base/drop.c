#include "base/drop.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Some machines have calls of this name for numbers of 16 bits too. */
#ifdef SYS_setresuid32
enum { SET_GROUPS = SYS_setgroups32, SET_GID = SYS_setresgid32, SET_UID = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GID = SYS_setresgid, SET_UID = SYS_setresuid };
#endif

int drop_in_child(const struct account *a) {
    if (syscall(SET_GROUPS, (long)a->group_count, a->groups) == -1
        || syscall(SET_GID, a->gid, a->gid, a->gid) == -1
        || syscall(SET_UID, a->uid, a->uid, a->uid) == -1
        /* As below; and this is the parent's memory. */
        || syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
        return -1;
    if (syscall(SET_UID, 0, 0, 0) == 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

int drop_to(const struct account *a) {
    if (setgroups((size_t)a->group_count, a->groups) == -1
        || setresgid(a->gid, a->gid, a->gid) == -1 || setresuid(a->uid, a->uid, a->uid) == -1)
        return -1;
    /* The change of user sets this to fs.suid_dumpable (proc(5)), which may be 1. */
    prctl(PR_SET_DUMPABLE, 0);
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    if (getresuid(&ruid, &euid, &suid) == -1 || getresgid(&rgid, &egid, &sgid) == -1)
        return -1;
    bool gone = ruid == a->uid && euid == a->uid && suid == a->uid && rgid == a->gid
                && egid == a->gid && sgid == a->gid;
    if (!gone || (a->uid != 0 && setresuid(0, 0, 0) == 0)) {
        errno = EPERM;
        return -1;
    }
    return 0;
}
