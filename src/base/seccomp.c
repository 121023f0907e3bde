#include "base/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
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
#ifdef SYS_fcntl64
#define FCNTL SYS_fcntl64
#else
#define FCNTL SYS_fcntl
#endif
static const unsigned fcntl_commands[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_SETPIPE_SZ};
static const unsigned ioctl_commands[] = {FIONREAD, TIOCOUTQ};
enum {
    FCNTL_COMMANDS = sizeof fcntl_commands / sizeof *fcntl_commands,
    IOCTL_COMMANDS = sizeof ioctl_commands / sizeof *ioctl_commands
};

/* The lower half of that argument, which is all that the kernel looks at. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define COMMAND (offsetof(struct seccomp_data, args[1]) + 4)
#else
#define COMMAND offsetof(struct seccomp_data, args[1])
#endif

/* The program's parts: its head; the calls and a refusal; for each of the two, its load, its
 * commands and a refusal; and what allows. 150 instructions at most, where a jump can be over
 * 255. */
enum {
    CALLS = 128,
    HEAD = 4,
    MOST = HEAD + CALLS + 1 + FCNTL_COMMANDS + 2 + IOCTL_COMMANDS + 2 + 1
};
static const struct sock_filter refusal = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);

static struct sock_filter jump_if(unsigned value, size_t from, size_t to) {
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (uint8_t)(to - from - 1),
                                        0);
}

static void put_commands(struct sock_filter *code, size_t at, const unsigned *commands, size_t n,
                         size_t allow) {
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, COMMAND);
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
    const size_t fcntls = HEAD + n + 1, ioctls = fcntls + FCNTL_COMMANDS + 2,
                 allow = ioctls + IOCTL_COMMANDS + 2;
    if (n > CALLS) {
        errno = E2BIG;
        return -1;
    }
    const struct sock_filter head[HEAD] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        refusal,
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (size_t i = 0; i < HEAD; i++)
        code[i] = head[i];
    for (size_t i = 0; i < n; i++)
        code[HEAD + i] = jump_if(calls[i], HEAD + i,
                                 calls[i] == FCNTL       ? fcntls
                                 : calls[i] == SYS_ioctl ? ioctls
                                                         : allow);
    code[HEAD + n] = refusal;
    put_commands(code, fcntls, fcntl_commands, FCNTL_COMMANDS, allow);
    put_commands(code, ioctls, ioctl_commands, IOCTL_COMMANDS, allow);
    code[allow] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)(allow + 1), .filter = code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
#else
    (void)calls;
    (void)n;
    errno = ENOSYS;
    return -1;
#endif
}
