#include "base/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The machine's own calling convention, as the kernel names it. */
#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define NATIVE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define NATIVE AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE AUDIT_ARCH_PPC64LE
#elif defined(__powerpc__) && !defined(__powerpc64__)
#define NATIVE AUDIT_ARCH_PPC
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE AUDIT_ARCH_MIPSEL64
#elif defined(__mips64)
#define NATIVE AUDIT_ARCH_MIPS64
#elif defined(__mips__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE AUDIT_ARCH_MIPSEL
#elif defined(__mips__)
#define NATIVE AUDIT_ARCH_MIPS
#endif

/* These two calls are many: some of them let the kernel send any signal to any process of the same
 * account once there is something to read (F_SETOWN and F_SETSIG, fcntl(2); FIOSETOWN). So they are
 * allowed for what is named here alone, the second argument. */
static const unsigned fcntl_commands[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_SETPIPE_SZ};
static const unsigned ioctl_commands[] = {FIONREAD, TIOCOUTQ};
enum {
    FCNTL_COMMANDS = sizeof fcntl_commands / sizeof *fcntl_commands,
    IOCTL_COMMANDS = sizeof ioctl_commands / sizeof *ioctl_commands
};

/* The lower half of an argument, which is all that the kernel looks at in those that are asked for
 * here. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { LOW_HALF = 4 };
#else
enum { LOW_HALF = 0 };
#endif
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARGUMENT(i)                                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[i]) + LOW_HALF)
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
/* Jumps over so many instructions, if it is that value or if not. */
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

/* The program's parts: its head; a search tree of the calls; a refusal; for each of the two, its
 * load, its commands and a refusal; and what allows. As the filter is installed, the kernel asks it
 * about every call that there is, to know which ones it need not be asked about again: a list of 20
 * comparisons took longer for that than a tree of five, as long as all the rest. 230 instructions
 * at most, where a jump can be over 255. */
enum {
    CALLS = 128,
    HEAD = 4,
    LEAF = 2, /* so many calls at most are compared one by one */
    MOST = HEAD + 2 * CALLS + 1 + FCNTL_COMMANDS + 2 + IOCTL_COMMANDS + 2 + 1
};
static const struct sock_filter refusal = REFUSE(EPERM);

static struct sock_filter jump_if(unsigned value, size_t from, size_t to) {
    return (struct sock_filter)IS(value, (uint8_t)(to - from - 1), 0);
}

/* The length of the tree for n calls. */
static size_t tree_size(size_t n) {
    return n <= LEAF ? n : 1 + tree_size(n / 2) + tree_size(n - n / 2);
}

/* Where the program goes on: for a call of the list, for those two of them, and for any other. */
struct targets {
    size_t found, fcntls, ioctls, other;
};

/* Puts the tree for n sorted calls at `at`, in front of all that it leads to. */
static void put_tree(struct sock_filter *code, size_t at, const unsigned *calls, size_t n,
                     const struct targets *to) {
    if (n > LEAF) {
        size_t half = n / 2, lower = tree_size(half);
        code[at] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, calls[half], (uint8_t)lower, 0);
        put_tree(code, at + 1, calls, half, to);
        put_tree(code, at + 1 + lower, calls + half, n - half, to);
        return;
    }
    for (size_t i = 0; i < n; i++, at++) {
        size_t found = calls[i] == SECCOMP_FCNTL ? to->fcntls
                       : calls[i] == SYS_ioctl   ? to->ioctls
                                                 : to->found;
        code[at] = jump_if(calls[i], at, found);
        if (i + 1 == n)
            code[at].jf = (uint8_t)(to->other - at - 1);
    }
}

static void sort_calls(unsigned *out, const unsigned *calls, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && out[at - 1] > calls[i]; at--)
            out[at] = out[at - 1];
        out[at] = calls[i];
    }
}

static void put_commands(struct sock_filter *code, size_t at, const unsigned *commands, size_t n,
                         size_t allow) {
    code[at++] = (struct sock_filter)LOAD_ARGUMENT(1);
    for (size_t i = 0; i < n; i++, at++)
        code[at] = jump_if(commands[i], at, allow);
    code[at] = refusal;
}

/* Asks for a filter at the address NULL: EFAULT is what only a kernel says that has filters
 * (seccomp(2)). */
bool seccomp_is_available(void) {
#ifdef NATIVE
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) == -1 && errno == EFAULT;
#else
    return false;
#endif
}

int seccomp_allow(const unsigned *calls, size_t n) {
#ifdef NATIVE
    struct sock_filter code[MOST];
    unsigned sorted[CALLS];
    if (n == 0 || n > CALLS) {
        errno = E2BIG;
        return -1;
    }
    struct targets to = {.other = HEAD + tree_size(n)};
    to.fcntls = to.other + 1;
    to.ioctls = to.fcntls + FCNTL_COMMANDS + 2;
    to.found = to.ioctls + IOCTL_COMMANDS + 2;
    const struct sock_filter head[HEAD] = {
        LOAD(arch),
        IS(NATIVE, 1, 0),
        refusal,
        LOAD(nr),
    };
    memcpy(code, head, sizeof head);
    sort_calls(sorted, calls, n);
    put_tree(code, HEAD, sorted, n, &to);
    code[to.other] = refusal;
    put_commands(code, to.fcntls, fcntl_commands, FCNTL_COMMANDS, to.found);
    put_commands(code, to.ioctls, ioctl_commands, IOCTL_COMMANDS, to.found);
    code[to.found] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)(to.found + 1), .filter = code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
#else
    (void)calls;
    (void)n;
    errno = ENOSYS;
    return -1;
#endif
}

/* ---- what is refused of a program that has all the rest ---- */

/* Calls that not every machine, or not every version of the headers, has. */
static const unsigned privileged[] = {
    SYS_kill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_ptrace,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_by_handle_at,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_vhangup,
    SYS_bind,
    SYS_listen,
    SYS_accept4,
    SYS_execveat,
    SYS_fanotify_init,
    SYS_memfd_create,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_migrate_pages,
    SYS_move_pages,
#ifdef SYS_accept
    SYS_accept,
#endif
#ifdef SYS_userfaultfd
    SYS_userfaultfd,
#endif
#ifdef SYS_kexec_load
    SYS_kexec_load,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_settimeofday
    SYS_settimeofday,
#endif
#ifdef SYS_clock_settime
    SYS_clock_settime,
#endif
#ifdef SYS_clock_settime64
    SYS_clock_settime64,
#endif
#ifdef SYS_clock_settime32 /* musl's names, with 32 bits, for what the C library of GNU calls as   \
                              above */
    SYS_clock_settime32,
    SYS_settimeofday_time32,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
#endif
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
#ifdef SYS_move_mount
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
#ifdef SYS_pidfd_open
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
#endif
#ifdef SYS_process_madvise
    SYS_process_madvise,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_fcntl64
    SYS_fcntl,
#endif
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
};
enum {
    PRIVILEGED = sizeof privileged / sizeof *privileged,
    NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC
                 | CLONE_NEWUTS | CLONE_NEWCGROUP,
    FOREIGN_CALLS = 0x40000000 /* of x86-64: those of its x32 convention */
};

#ifdef __s390x__
enum { CLONE_FLAGS = 1 }; /* which argument of clone(2) has them */
#else
enum { CLONE_FLAGS = 0 };
#endif

int seccomp_refuse_privileged(void) {
#ifdef NATIVE
    const struct sock_filter head[] = {
        LOAD(arch),
        IS(NATIVE, 1, 0),
        REFUSE(EPERM),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, 0, 1),
        REFUSE(ENOSYS),
        /* musl asks a name service daemon about accounts that there are not: as if it were shut */
        IS(SYS_connect, 0, 1),
        REFUSE(EACCES),
        IS(SYS_clone3, 0, 1),
        REFUSE(ENOSYS),
        IS(SYS_clone, 0, 4),
        LOAD_ARGUMENT(CLONE_FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1),
        REFUSE(EPERM),
        LOAD(nr),
        IS(SYS_socket, 0, 4),
        LOAD_ARGUMENT(0),
        IS(AF_UNIX, 1, 0),
        REFUSE(EAFNOSUPPORT),
        LOAD(nr),
        /* Ending itself by a signal, as raise(3) does it, is left; process 1 and this one's parent
         * are kept from it. (Landlock keeps all others, since its sixth version.) */
        IS(SYS_tkill, 0, 5),
        LOAD_ARGUMENT(0),
        IS(1, 1, 0),
        IS((uint32_t)getppid(), 0, 1),
        REFUSE(EPERM),
        LOAD(nr),
        /* nor may the kernel signal others for it (see fcntl_commands) */
        IS(SECCOMP_FCNTL, 0, 6),
        LOAD_ARGUMENT(1),
        IS(F_SETOWN, 2, 0),
        IS(F_SETOWN_EX, 1, 0),
        IS(F_SETSIG, 0, 1),
        REFUSE(EPERM),
        LOAD(nr),
        IS(SYS_ioctl, 0, 5),
        LOAD_ARGUMENT(1),
        IS(FIOSETOWN, 1, 0),
        IS(SIOCSPGRP, 0, 1),
        REFUSE(EPERM),
        LOAD(nr),
        /* limits, but of nobody else's */
        IS(SYS_prlimit64, 0, 4),
        LOAD_ARGUMENT(0),
        IS(0, 1, 0),
        REFUSE(EPERM),
        LOAD(nr),
    };
    enum { START = sizeof head / sizeof *head };
    struct sock_filter code[START + 2 * PRIVILEGED + 2];
    unsigned sorted[PRIVILEGED];
    const size_t allow = START + tree_size(PRIVILEGED), refuse = allow + 1;
    const struct targets to = {.found = refuse, .fcntls = refuse, .ioctls = refuse, .other = allow};
    memcpy(code, head, sizeof head);
    sort_calls(sorted, privileged, PRIVILEGED);
    put_tree(code, START, sorted, PRIVILEGED, &to);
    code[allow] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[refuse] = (struct sock_filter)REFUSE(EPERM);
    const struct sock_fprog program = {.len = (unsigned short)(refuse + 1), .filter = code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
#else
    errno = ENOSYS;
    return -1;
#endif
}
