#include "base/landlock_apart.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/directory.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/landlock_abi.h"
#include "limit.h"

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
    struct directory d;
    const char *name;
    unsigned char type;
    int result = 0;
    if (directory_open(&d, directory) == -1)
        return errno == ENOENT ? 0 : -1;
    while (result == 0 && (name = directory_next(&d, &type)) != NULL)
        if (strcmp(name, closed) != 0 && type != DT_LNK)
            result = allow(ruleset, openat(d.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), OPENING);
    int error = errno;
    directory_close(&d);
    errno = error;
    return result;
}

static int allow_descriptor(int ruleset, int terminal) {
    char path[32];
    if (terminal == -1)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", terminal);
    return allow(ruleset, fd_open(path, O_PATH), OPENING);
}

static int make_apart(int terminal) {
    struct landlock_attributes attributes = {.handled = OPENING | LANDLOCK_REFER};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset == -1)
        return -1;
    if (allow(ruleset, fd_open("/", O_PATH), LANDLOCK_REFER) == 0
        && allow_all_but(ruleset, "/", "dev") == 0 && allow_all_but(ruleset, "/dev", "pts") == 0
        && allow_descriptor(ruleset, terminal) == 0)
        return ruleset;
    int error = errno;
    fd_close(&ruleset);
    errno = error;
    return -1;
}

/* ---- made ahead of time ---- */

/* A number for what the two directories have in them, by when that has changed last. */
static uint64_t state_of_directories(void) {
    static const char *const directories[] = {"/", "/dev"};
    uint64_t state = 1469598103934665603; /* FNV-1a, by words */
    struct stat st;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        if (stat(directories[i], &st) == -1)
            memset(&st, 0, sizeof st);
        const uint64_t words[] = {(uint64_t)st.st_dev, (uint64_t)st.st_ino,
                                  (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec};
        for (size_t j = 0; j < sizeof words / sizeof *words; j++)
            state = (state ^ words[j]) * 1099511628211;
    }
    return state;
}

int landlock_apart_prepare(char variable[LANDLOCK_APART_VARIABLE_SIZE]) {
    uint64_t state = state_of_directories(); /* before they are read */
    int low = make_apart(-1);
    /* Away from the number that it is to have in other processes. */
    int ruleset = low == -1 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, LANDLOCK_APART_FD + 1);
    fd_close(&low);
    snprintf(variable, LANDLOCK_APART_VARIABLE_SIZE, LANDLOCK_APART_VARIABLE "=%016llx",
             (unsigned long long)state);
    return ruleset;
}

static int prepared = -1;
static uint64_t prepared_state;
static bool is_same; /* as what there was when landlock_apart_look was called */
static int64_t confirmed;

bool landlock_apart_take(char *const *environment, bool inherited, bool closes) {
    const char *text = env_get(environment, LANDLOCK_APART_VARIABLE);
    char *end;
    if (text == NULL || strlen(text) != 16
        || (!closes && fcntl(LANDLOCK_APART_FD, F_SETFD, inherited ? 0 : FD_CLOEXEC) == -1))
        return false;
    prepared_state = strtoull(text, &end, 16);
    prepared = *end == '\0' ? LANDLOCK_APART_FD : -1;
    return prepared != -1;
}

void landlock_apart_close(void) { fd_close(&prepared); }

void landlock_apart_look(void) {
    is_same = prepared != -1 && state_of_directories() == prepared_state;
}

void landlock_apart_confirm(void) { confirmed = is_same ? clock_now() : 0; }

int landlock_make_apart(int terminal) {
    bool is_known = confirmed != 0 && clock_now() - confirmed < LIMIT_JUDGED_MS;
    confirmed = 0; /* the next run of the connection looks by itself */
    if (terminal == -1 && prepared != -1 && (is_known || state_of_directories() == prepared_state))
        return prepared;
    return make_apart(terminal);
}

void landlock_release_apart(int *ruleset) {
    if (*ruleset == prepared)
        *ruleset = -1;
    fd_close(ruleset);
}
