#include "base/landlock_apart.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/landlock_abi.h"

enum { OPENING = LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE };

/* Takes `fd`, opened with O_PATH, or -1 where there is nothing to be opened any more, or nothing
 * that the account could reach: that needs no rule. */
static int allow(int ruleset, int fd, uint64_t rights) {
    struct landlock_beneath rule = {rights, fd};
    if (fd == -1)
        return 0;
    int result = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0);
    int error = errno;
    close(fd);
    errno = error;
    /* EBADFD: of a file system that has no rules: a namespace that has a name, say */
    return result == -1 && error != EBADFD ? -1 : 0;
}

/* Rules allow and never forbid, so it takes one for each of the others: for all in the directory
 * but `closed`, with everything below. */
static int allow_all_but(int ruleset, const char *directory, const char *closed) {
    DIR *dir = opendir(directory);
    int result = 0;
    if (dir == NULL)
        return errno == ENOENT ? 0 : -1;
    for (struct dirent *e; result == 0 && (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0
            && strcmp(e->d_name, closed) != 0 && e->d_type != DT_LNK)
            result = allow(ruleset, openat(dirfd(dir), e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC),
                           OPENING);
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

static int allow_descriptor(int ruleset, int terminal) {
    char path[32];
    if (terminal == -1)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", terminal);
    return allow(ruleset, open(path, O_PATH | O_CLOEXEC), OPENING);
}

int landlock_make_apart(int terminal) {
    struct landlock_attributes attributes = {.handled = OPENING | LANDLOCK_REFER};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset == -1)
        return -1;
    if (allow(ruleset, open("/", O_PATH | O_CLOEXEC), LANDLOCK_REFER) == 0
        && allow_all_but(ruleset, "/", "dev") == 0 && allow_all_but(ruleset, "/dev", "pts") == 0
        && allow_descriptor(ruleset, terminal) == 0)
        return ruleset;
    int error = errno;
    fd_close(&ruleset);
    errno = error;
    return -1;
}
