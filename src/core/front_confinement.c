#include "core/front_confinement.h"

#include <sys/syscall.h>

#include "base/confine.h"
#include "base/seccomp.h"
#include "limit.h"

/* What carries bytes, takes and sends messages with descriptors, waits, tells the time, and
 * ends; the most frequent first. */
#define CARRY                                                                                      \
    SYS_read, SYS_write, SECCOMP_WAITING, SYS_recvmsg, SYS_sendmsg, SYS_close, SYS_ioctl,          \
        SECCOMP_FCNTL, SYS_getsockopt, SYS_setsockopt, SYS_recvfrom, SYS_sendto, SYS_shutdown,     \
        SYS_exit_group, SYS_exit, SYS_rt_sigreturn, SYS_restart_syscall

int front_confine(bool ends_as_command) {
    static const unsigned calls[] = {CARRY, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_tkill};
    enum { TO_END = 3 };
    size_t n = sizeof calls / sizeof *calls - (ends_as_command ? 0 : TO_END);
    return confine(calls, n, LIMIT_FRONT_ADDRESS_SPACE);
}
