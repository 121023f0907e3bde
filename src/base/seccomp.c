#include "base/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
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

enum { CALLS = 128, HEAD = 4, TAIL = 2 };

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
    struct sock_filter code[HEAD + CALLS + TAIL];
    size_t length = 0;
    if (n > CALLS) {
        errno = E2BIG;
        return -1;
    }
    const struct sock_filter head[HEAD] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (; length < HEAD; length++)
        code[length] = head[length];
    /* Each call that is allowed jumps over those behind it and over the refusal: 128 instructions
     * at most, where a jump can be over 255. */
    for (size_t i = 0; i < n; i++)
        code[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(n - i), 0);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)length, .filter = code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
#else
    (void)calls;
    (void)n;
    errno = ENOSYS;
    return -1;
#endif
}
