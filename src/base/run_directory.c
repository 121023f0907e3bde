#include "base/run_directory.h"

#include <unistd.h>

void run_directory_make_parent(void) {
    struct stat st;
    if (stat("/run", &st) == 0)
        return;
    if (stat("/var/run", &st) == -1 || symlink("/var/run", "/run") == -1)
        mkdir("/run", 0755);
}

enum run_directory_state run_directory_judge(const struct stat *st) {
    if (!S_ISDIR(st->st_mode))
        return RUN_DIRECTORY_NONE;
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return RUN_DIRECTORY_OTHERS;
    return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 ? RUN_DIRECTORY_WRITABLE : RUN_DIRECTORY_FIT;
}
