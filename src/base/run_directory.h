/* run_directory.h: the directory of what lasts until the next start of the machine or container,
 * and whose such a directory may be. */
#ifndef BASE_RUN_DIRECTORY_H
#define BASE_RUN_DIRECTORY_H

#include <sys/stat.h>

/* RUN_DIR moves a run's lock and no more: what a login shell, tinysshd and the C library must find
 * by themselves stands here, whatever the settings say. */
#define RUN_DIRECTORY "/run/bastion"

/* Makes /run where there is none: a link to /var/run where that is a directory (on a router it is
 * in memory, and / is flash), else a directory. What is there already stays as it is. */
void run_directory_make_parent(void);

enum run_directory_state {
    RUN_DIRECTORY_FIT,
    RUN_DIRECTORY_NONE,    /* it is no directory */
    RUN_DIRECTORY_OTHERS,  /* it belongs to neither root nor this process's account */
    RUN_DIRECTORY_WRITABLE /* others than its owner can write there */
};

/* Whoever else could write there could take away the lock, or put other keys in. */
enum run_directory_state run_directory_judge(const struct stat *st);

#endif
