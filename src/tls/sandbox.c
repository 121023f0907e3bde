#include "tls/sandbox.h"

#include <sys/syscall.h>

#include "base/confine.h"
#include "base/seccomp.h"
#include "limit.h"

/* What carries bytes, waits, tells the time, writes to the log, looks after the program behind, and
 * ends; the most frequent first. Several machines lack the older calls, others need the newer. */
#define CARRY                                                                                      \
    SYS_read, SYS_write, SYS_ppoll, SYS_ioctl, SYS_sendto, SYS_recvfrom, SYS_getsockopt,           \
        SYS_setsockopt, SYS_shutdown, SYS_close, SYS_clock_gettime, SYS_madvise, SYS_munmap,       \
        SYS_wait4, SYS_rt_sigtimedwait, SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit_group,     \
        SYS_exit, SYS_getpid OLDER NEWER

#ifdef SYS_poll
#define OLDER , SYS_poll
#else
#define OLDER
#endif
#ifdef SYS_ppoll_time64
#define NEWER , SYS_ppoll_time64, SYS_clock_gettime64, SYS_rt_sigtimedwait_time64
#else
#define NEWER
#endif

int sandbox_enter(void) {
    /* And the seed of the random numbers, the table of sessions, the filter for what comes
     * later. */
    static const unsigned calls[] = {CARRY,        SYS_getrandom, SYS_pread64,
                                     SYS_pwrite64, SYS_pwritev2,  SYS_seccomp};
    return confine(calls, sizeof calls / sizeof *calls, LIMIT_TLS_ADDRESS_SPACE);
}

void sandbox_narrow(void) {
    static const unsigned calls[] = {CARRY};
    seccomp_allow(calls, sizeof calls / sizeof *calls);
}
