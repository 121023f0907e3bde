#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/fd.h"
#include "base/run_directory.h"

/* Makes the directory, or mends its owner and mode as far as this account may. True when it is then
 * this account's, and nobody else's to write. */
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

/* The container's /run has the owner and the mode that whoever mounted it thought of, perhaps one
 * for everybody to write. A host's is right, or the administrator's to mend. */
enum rundir rundir_prepare(const char **error) {
    struct stat st;
    run_directory_make_parent();
    if (container_is_ours())
        take_directory("/run");
    bool was_there = lstat(RUN_DIRECTORY, &st) == 0;
    if (was_there && geteuid() == 0 && st.st_uid != 0) {
        *error =
            RUN_DIRECTORY ": belongs to another account than root, who may have put anything there";
        return RUNDIR_UNSAFE;
    }
    return take_directory(RUN_DIRECTORY) ? RUNDIR_OURS : RUNDIR_OTHERS;
}

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

bool rundir_is_volume(const char *path) {
    long top = mount_of("/"), own = mount_of(path);
    return top == -1 || own == -1 || top != own;
}
