#include "tls/sandbox.h"

#include <sys/syscall.h>

#include "base/confine.h"
#include "base/seccomp.h"
#include "limit.h"

/* What carries bytes, waits, tells the time, writes to the log, looks after the program behind, and
 * ends; the most frequent first. */
#define CARRY                                                                                      \
    SYS_read, SYS_write, SECCOMP_WAITING, SYS_ioctl, SYS_sendto, SYS_recvfrom, SYS_getsockopt,     \
        SYS_setsockopt, SYS_shutdown, SYS_close, SYS_madvise, SYS_munmap, SYS_wait4,               \
        SYS_rt_sigtimedwait, SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit_group, SYS_exit,      \
        SYS_getpid SIGNAL_TIME64

#ifdef SYS_rt_sigtimedwait_time64
#define SIGNAL_TIME64 , SYS_rt_sigtimedwait_time64
#else
#define SIGNAL_TIME64
#endif

int sandbox_enter(void) {
    /* And the table of sessions, and the filter for what comes later. */
    static const unsigned calls[] = {CARRY, SYS_pread64, SYS_pwrite64, SYS_pwritev2, SYS_seccomp};
    return confine(calls, sizeof calls / sizeof *calls, LIMIT_TLS_ADDRESS_SPACE);
}

void sandbox_narrow(void) {
    static const unsigned calls[] = {CARRY};
    seccomp_allow(calls, sizeof calls / sizeof *calls);
}
