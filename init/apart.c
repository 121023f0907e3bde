#include "apart.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>

#include "base/fd.h"
#include "base/landlock_apart.h"

static char variable[LANDLOCK_APART_VARIABLE_SIZE];
static int ruleset = -1, mounts = -1;

char *apart_prepare(void) {
    mounts = fd_open("/proc/self/mountinfo", O_RDONLY);
    if (mounts != -1)
        ruleset = landlock_apart_prepare(variable);
    return ruleset != -1 ? variable : NULL;
}

/* The file is ready for what is urgent once after each change of the mounts (proc(5)). */
int apart_ruleset(void) {
    struct pollfd pfd = {.fd = mounts, .events = POLLPRI};
    if (ruleset != -1 && poll(&pfd, 1, 0) == 1) {
        fd_close(&ruleset);
        ruleset = landlock_apart_prepare(variable);
    }
    return ruleset;
}
