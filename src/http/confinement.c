#include "http/confinement.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/drop.h"
#include "limit.h"

/* Several machines lack the older calls, others need the newer. */
#ifdef SYS_poll
#define OLDER , SYS_poll
#else
#define OLDER
#endif
#ifdef SYS_ppoll_time64
#define NEWER , SYS_ppoll_time64, SYS_clock_gettime64
#else
#define NEWER
#endif
#ifdef SYS_fcntl64
#define FCNTL SYS_fcntl64
#else
#define FCNTL SYS_fcntl
#endif

int confinement_enter(pid_t monitor) {
    /* What carries bytes, takes and sends messages with descriptors, waits, tells the time, and
     * ends; the most frequent first. */
    static const unsigned calls[] = {SYS_read,         SYS_write,
                                     SYS_ppoll,        SYS_recvmsg,
                                     SYS_sendmsg,      SYS_close,
                                     SYS_ioctl,        FCNTL,
                                     SYS_getsockopt,   SYS_setsockopt,
                                     SYS_recvfrom,     SYS_sendto,
                                     SYS_shutdown,     SYS_exit_group,
                                     SYS_exit,         SYS_clock_gettime,
                                     SYS_rt_sigreturn, SYS_restart_syscall OLDER NEWER};
    const struct account nobody = {.uid = ACCOUNT_HTTP, .gid = ACCOUNT_HTTP};
    if (geteuid() == 0 && drop_to(&nobody) == -1)
        return -1;
    /* Before the filter, which has no prctl(2) that could undo it; behind the change of account,
     * which would. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != monitor)
        return -1;
    return confine(calls, sizeof calls / sizeof *calls, LIMIT_HTTP_ADDRESS_SPACE);
}
