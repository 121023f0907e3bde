/* target.h: the processor that this bastion was built for, by its name in the compilers' targets
 * (GNU) and in Docker's platforms (GOARCH). A kernel's own name for its machine may be another: a
 * program of 32 bits runs on one of 64, and mips is mips in either order of bytes. */
#ifndef BASE_TARGET_H
#define BASE_TARGET_H

#if defined __x86_64__
#define TARGET_GNU "x86_64"
#define TARGET_GO "amd64"
#elif defined __i386__
#define TARGET_GNU "i686"
#define TARGET_GO "386"
#elif defined __aarch64__
#define TARGET_GNU "aarch64"
#define TARGET_GO "arm64"
#elif defined __arm__
#define TARGET_GNU "arm"
#define TARGET_GO "arm"
#elif defined __mips__ && defined __MIPSEL__ && __SIZEOF_POINTER__ == 8
#define TARGET_GNU "mips64el"
#define TARGET_GO "mips64le"
#elif defined __mips__ && defined __MIPSEL__
#define TARGET_GNU "mipsel"
#define TARGET_GO "mipsle"
#elif defined __mips__ && __SIZEOF_POINTER__ == 8
#define TARGET_GNU "mips64"
#define TARGET_GO "mips64"
#elif defined __mips__
#define TARGET_GNU "mips"
#define TARGET_GO "mips"
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
#define TARGET_GNU "powerpc64le"
#define TARGET_GO "ppc64le"
#elif defined __powerpc64__
#define TARGET_GNU "powerpc64"
#define TARGET_GO "ppc64"
#elif defined __powerpc__
#define TARGET_GNU "powerpc"
#define TARGET_GO "ppc"
#elif defined __riscv && __riscv_xlen == 64
#define TARGET_GNU "riscv64"
#define TARGET_GO "riscv64"
#elif defined __s390x__
#define TARGET_GNU "s390x"
#define TARGET_GO "s390x"
#elif defined __loongarch64
#define TARGET_GNU "loongarch64"
#define TARGET_GO "loong64"
#else
#define TARGET_GNU "unknown"
#define TARGET_GO "unknown"
#endif

#endif
