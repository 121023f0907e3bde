#include "base/confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/seccomp.h"

/* From linux/prctl.h (PR_SET_MDWE, prctl(2)), since Linux 6.3. */
enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 };

int confine(const unsigned *calls, size_t n, size_t memory) {
    const struct rlimit none = {0, 0}, bounded = {memory, memory};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || setrlimit(RLIMIT_CORE, &none) == -1
        || setrlimit(RLIMIT_NPROC, &none) == -1 || setrlimit(RLIMIT_AS, &bounded) == -1
        || chdir("/") == -1)
        return -1;
    prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0);
    landlock_close_all();
    seccomp_allow(calls, n);
    return 0;
}
