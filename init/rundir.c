#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "base/buf.h"
#include "base/container.h"
#include "base/fd.h"
#include "core/runas.h"

/* ---- the directories ---- */

/* The directory must belong to this account and be nobody else's to write; what can be mended is.
 * True when it is so then. */
static bool take_directory(const char *path) {
    struct stat st;
    if (mkdir(path, 0755) == -1 && errno != EEXIST)
        return false;
    if (lstat(path, &st) == -1 || !S_ISDIR(st.st_mode))
        return false;
    if (st.st_uid != geteuid() && (geteuid() != 0 || lchown(path, 0, 0) == -1))
        return false;
    return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || chmod(path, 0755) == 0;
}

/* In the container /run is whoever's its maker thought of, and perhaps for everybody to write. On a
 * host it is as it should be. */
enum rundir rundir_prepare(const char **error) {
    struct stat st;
    if (rundir_is_container())
        take_directory("/run");
    bool was_there = lstat(RUNDIR, &st) == 0;
    if (was_there && geteuid() == 0 && st.st_uid != 0) {
        *error = RUNDIR ": belongs to another account than root, who may have put anything there";
        return RUNDIR_UNSAFE;
    }
    return take_directory(RUNDIR) ? RUNDIR_OURS : RUNDIR_OTHERS;
}

bool rundir_is_container(void) { return container_is_ours(); }

/* The number of the mount that `path` is on (proc(5), fdinfo), or -1. */
static long mount_of(const char *path) {
    char name[64], text[256];
    int fd = open(path, O_PATH | O_CLOEXEC);
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    int info = fd == -1 ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = info == -1 ? 0 : read(info, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    fd_close(&fd);
    fd_close(&info);
    const char *at = strstr(text, "mnt_id:");
    return at == NULL ? -1 : strtol(at + sizeof "mnt_id:" - 1, NULL, 10);
}

bool rundir_lasts(const char *path) {
    long top = mount_of("/"), own = mount_of(path);
    return top == -1 || own == -1 || top != own;
}

/* ---- the accounts ---- */

static gid_t account_group(const struct settings *s) {
    return geteuid() == 0 ? (gid_t)settings_number(s, SETTING_SSH_GID) : getegid();
}

static int put(const char *name, struct buf *b) {
    int directory = open(RUNDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->full)
        errno = ENAMETOOLONG;
    int result =
        directory == -1 || b->full ? -1 : fd_put_file(directory, name, b->at, b->len, 0644, false);
    int error = errno;
    fd_close(&directory);
    errno = error;
    return result;
}

static int write_users(const struct settings *s) {
    char text[4 * LIMIT_USER];
    struct buf b = BUF_ON(text);
    unsigned uid = geteuid() == 0 ? (unsigned)settings_number(s, SETTING_SSH_UID) : geteuid();
    buf_text(&b, "root:x:0:0:root:/nonexistent:/nonexistent\n");
    buf_format(&b, "%s:x:%u:%u:bastion:/home/agent:/bin/bastion\n",
               settings_text(s, SETTING_SSH_USER), uid, account_group(s));
    return put("passwd", &b);
}

/* What the groups were last written with. */
static bool has_socket;
static gid_t socket_group;

static int write_groups(const struct settings *s, bool has, gid_t group) {
    char text[4 * LIMIT_USER];
    struct buf b = BUF_ON(text);
    const char *user = settings_text(s, SETTING_SSH_USER);
    gid_t own = account_group(s);
    buf_format(&b, "root:x:0:%s\n", has && group == 0 ? user : "");
    buf_format(&b, "%s:x:%u:\n", user, own);
    if (has && group != 0 && group != own)
        buf_format(&b, "docker:x:%u:%s\n", group, user);
    if (put("group", &b) == -1)
        return -1;
    has_socket = has;
    socket_group = group;
    return 0;
}

int rundir_write_accounts(const struct settings *s, char *const *environment) {
    gid_t group = 0;
    bool has = runas_docker_group(&group, s, environment);
    return write_users(s) == -1 ? -1 : write_groups(s, has, group);
}

void rundir_refresh_groups(const struct settings *s, char *const *environment) {
    gid_t group = 0;
    bool has = runas_docker_group(&group, s, environment);
    if (has != has_socket || group != socket_group)
        write_groups(s, has, group);
}
