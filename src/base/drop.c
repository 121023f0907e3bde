#include "base/drop.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int set_text(char *to, size_t cap, const char *from) {
    size_t n = strlen(from);
    if (n >= cap)
        return -1;
    memcpy(to, from, n + 1);
    return 0;
}

int drop_find(struct account *a, const char *name) {
    const struct passwd *pw = getpwnam(name);
    if (pw == NULL || set_text(a->name, sizeof a->name, name) == -1 || set_text(a->home, sizeof a->home, pw->pw_dir) == -1)
        return -1;
    a->uid = pw->pw_uid;
    a->gid = pw->pw_gid;
    a->group_count = LIMIT_GROUPS;
    return getgrouplist(name, a->gid, a->groups, &a->group_count) == -1 ? -1 : 0;
}

void drop_self(struct account *a) {
    a->uid = geteuid();
    a->gid = getegid();
    a->group_count = 0;
    const struct passwd *pw = getpwuid(a->uid);
    if (pw == NULL || set_text(a->name, sizeof a->name, pw->pw_name) == -1 || set_text(a->home, sizeof a->home, pw->pw_dir) == -1) {
        snprintf(a->name, sizeof a->name, "%lu", (unsigned long)a->uid);
        snprintf(a->home, sizeof a->home, "/");
    }
}

bool drop_add_group(struct account *a, gid_t group) {
    for (int i = 0; i < a->group_count; i++)
        if (a->groups[i] == group)
            return true;
    if (a->group_count == LIMIT_GROUPS)
        return false;
    a->groups[a->group_count++] = group;
    return true;
}

int drop_to(const struct account *a) {
    if (setgroups((size_t)a->group_count, a->groups) == -1 || setresgid(a->gid, a->gid, a->gid) == -1 ||
        setresuid(a->uid, a->uid, a->uid) == -1)
        return -1;
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    if (getresuid(&ruid, &euid, &suid) == -1 || getresgid(&rgid, &egid, &sgid) == -1)
        return -1;
    bool gone = ruid == a->uid && euid == a->uid && suid == a->uid && rgid == a->gid && egid == a->gid && sgid == a->gid;
    if (!gone || (a->uid != 0 && setresuid(0, 0, 0) == 0)) {
        errno = EPERM;
        return -1;
    }
    return 0;
}
