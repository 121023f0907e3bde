/* seccomp.h: filters of system calls (seccomp(2)): what a process can do from now on, whoever has
 * taken it over. */
#ifndef BASE_SECCOMP_H
#define BASE_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

/* The calls of a list by which a process waits and tells the time: several machines lack the older
 * ones, and those of 32 bits have others for times of 64. */
#ifdef SYS_poll
#define SECCOMP_POLL , SYS_poll
#else
#define SECCOMP_POLL
#endif
#ifdef SYS_clock_gettime
#define SECCOMP_CLOCK SYS_clock_gettime
#else
#define SECCOMP_CLOCK SYS_ppoll_time64, SYS_clock_gettime64, SYS_clock_gettime32
#endif
#define SECCOMP_WAITING SYS_ppoll, SECCOMP_CLOCK SECCOMP_POLL

/* fcntl(2), as those machines call it. */
#ifdef SYS_fcntl64
#define SECCOMP_FCNTL SYS_fcntl64
#else
#define SECCOMP_FCNTL SYS_fcntl
#endif

/* Whether this kernel, and what filters this process's own calls, have filters. */
bool seccomp_is_available(void);

/* Leaves this process, and whatever it starts, these n system calls (SYS_read and so on), for good:
 * every other fails with EPERM, also those of the machine's other calling conventions; and fcntl(2)
 * and ioctl(2), where they are among these, but for asking and setting what one descriptor is like:
 * they can do nothing to another process. Filters add up: a call that an earlier one refuses stays
 * refused, SYS_seccomp among them. The process must have given up new privileges before
 * (no_new_privs, prctl(2)). n is 128 at most. Returns 0, or -1 with errno, and then nothing has
 * changed: EINVAL or ENOSYS where the kernel, or what stands in for it, has no filters. */
int seccomp_allow(const unsigned *calls, size_t n);

/* Takes from this process, and whatever it starts, what a program without a filter of its own needs
 * for nothing honest: signals to others; sockets but local ones, and connecting these; namespaces,
 * mounts, the kernel's keys, modules and programs, other processes' memory; all but this machine's
 * own calling convention. Returns as seccomp_allow does. */
int seccomp_refuse_privileged(void);

#endif
