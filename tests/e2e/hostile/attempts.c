/* attempts.c: what somebody tries who has taken a process over. One line for each, on the
 * descriptor that is said: "attempt NAME ERRNO", 0 where it succeeded. The test that builds this
 * says by the environment of this very process, before it is confined, what there is to be had; or
 * by macros of the same names, where it has none. */
#include "attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char target[4096], secret_file[4096], run_dir[4096], own_token[4096];
static pid_t parent;
static int report; /* the descriptor */
static bool may_exec;

/* By a constructor, since the environment may be wiped before anything hostile runs. */
__attribute__((constructor)) static void look_around(void) {
    const char *value;
#ifdef HOSTILE_SOCKET
    snprintf(target, sizeof target, "%s", HOSTILE_SOCKET);
    snprintf(secret_file, sizeof secret_file, "%s", TLS_KEY);
    snprintf(run_dir, sizeof run_dir, "%s", RUN_DIR);
#else
    if ((value = getenv("HOSTILE_SOCKET")) != NULL)
        snprintf(target, sizeof target, "%s", value);
    if ((value = getenv("TLS_KEY")) != NULL)
        snprintf(secret_file, sizeof secret_file, "%s", value);
    if ((value = getenv("RUN_DIR")) != NULL || (value = getenv("HOSTILE_RUN_DIR")) != NULL)
        snprintf(run_dir, sizeof run_dir, "%s", value);
#endif
    if ((value = getenv("HTTP_TOKEN")) != NULL) /* backwards, lest the search finds this copy */
        for (size_t n = strlen(value), i = 0; i < n && n < sizeof own_token; i++)
            own_token[i] = value[n - 1 - i];
    parent = getppid();
    may_exec = getenv("HOSTILE_NO_EXEC") == NULL;
}

static char *block;
static size_t block_size;
extern char **environ;

__attribute__((constructor)) static void find_block(void) {
    char **last = environ;
    block = *environ;
    while (last[0] != NULL && last[1] != NULL)
        last++;
    if (last[0] != NULL)
        block_size = (size_t)(last[0] - block) + strlen(last[0]);
}

static void tell(const char *name, long result) {
    char line[128];
    int n = snprintf(line, sizeof line, "attempt %s %d\n", name, result == -1 ? errno : 0);
    if (write(report, line, (size_t)n) != n)
        _exit(99);
}

static long try_unix(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd == -1 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof to);
}

static long try_tcp(bool listens) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd == -1)
        return -1;
    to.sin_port = listens ? htons(1) : htons(9);
    long result = listens ? bind(fd, (struct sockaddr *)&to, sizeof to)
                          : connect(fd, (struct sockaddr *)&to, sizeof to);
    if (!listens && result == -1 && errno == ECONNREFUSED)
        result = 0; /* it was let out */
    return result;
}

/* A connection without connect(2). */
static long try_fast_open(void) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    long sent = sendto(0, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&to, sizeof to);
    return sent == -1 ? -1 : 0;
}

/* Has the kernel send a signal once descriptor 0 has something to read (fcntl(2)). */
static long try_owner(pid_t pid, bool by_ioctl) {
    return by_ioctl ? ioctl(0, FIOSETOWN, &pid) : fcntl(0, F_SETOWN, pid);
}

static long try_affinity(pid_t pid) {
    cpu_set_t now;
    long got = sched_getaffinity(pid, sizeof now, &now);
    return got == -1 ? -1 : sched_setaffinity(pid, sizeof now, &now);
}

/* A copy of one of its descriptors, as pidfd_getfd(2) gives it. */
static long try_take_descriptor(pid_t pid) {
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    return process == -1 ? -1 : syscall(SYS_pidfd_getfd, process, 0, 0) == -1 ? -1 : 0;
}

static long try_open(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd != -1)
        close(fd);
    return fd == -1 ? -1 : 0;
}

static long try_below(const char *directory, const char *name) {
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return try_open(path, O_WRONLY | O_CREAT);
}

static long try_process(pid_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    return try_open(path, O_RDONLY);
}

static long try_exec(const char *path) {
    char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t) ":", NULL};
    return execve(path, argv, argv + 3);
}

static long try_fork(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return pid == -1 ? -1 : 0;
}

static long try_limits(pid_t pid) {
    struct rlimit now; /* reading takes the same right as setting, and does no harm */
    return syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &now);
}

static long try_read_memory(pid_t pid) {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)&tell, 1};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == -1 ? -1 : 0;
}

static long try_executable_memory(void) {
    void *at =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}

static long try_much_memory(void) {
    void *at =
        mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}

/* Whether the token still stands where this process has had its environment. */
static long try_environment(void) {
    char wanted[4096] = "";
    size_t length = strlen(own_token);
    if (length == 0)
        return errno = ENOENT, -1;
    for (size_t i = 0; i < length; i++)
        wanted[i] = own_token[length - 1 - i];
    long found = memmem(block, block_size, wanted, length) != NULL ? 0 : -1;
    errno = ENOENT;
    memset(wanted, 0, sizeof wanted);
    return found;
}

void attempt_everything(int descriptor) {
    report = descriptor;
    tell("docker-socket", try_unix(target));
    tell("log-socket", try_unix("/dev/log"));
    tell("tcp-connect", try_tcp(false));
    tell("tcp-listen", try_tcp(true));
    tell("tcp-fast-open", try_fast_open());
    tell("own-environment", try_environment());
    tell("read-key", try_open(secret_file, O_RDONLY));
    tell("read-passwd", try_open("/etc/passwd", O_RDONLY));
    tell("read-settings", try_open("/etc/bastion", O_RDONLY | O_DIRECTORY));
    tell("write-run-dir", try_below(run_dir, "hostile"));
    tell("write-lock", try_below(run_dir, "lock"));
    tell("write-tmp", try_below("/tmp", "bastion-hostile"));
    tell("parent-environment", try_process(parent, "environ"));
    tell("parent-memory-file", try_process(parent, "mem"));
    tell("parent-memory", try_read_memory(parent));
    tell("parent-trace", ptrace(PTRACE_SEIZE, parent, NULL, NULL));
    tell("parent-limits", try_limits(parent));
    tell("parent-stop", kill(parent, SIGSTOP));
    tell("parent-kill-0", kill(parent, 0));
    tell("parent-owner", try_owner(parent, false));
    tell("parent-owner-ioctl", try_owner(parent, true));
    tell("owner-signal", fcntl(0, F_SETSIG, SIGSTOP));
    tell("parent-affinity", try_affinity(parent));
    tell("parent-descriptor", try_take_descriptor(parent));
    tell("init-environment", try_process(1, "environ"));
    tell("init-limits", try_limits(1));
    tell("init-kill-0", kill(1, 0));
    tell("init-memory", try_read_memory(1));
    if (may_exec) { /* where it succeeds, this is the last attempt */
        tell("exec", try_exec("/bin/sh"));
#ifndef RUNS_ITSELF
        tell("exec-self", try_exec("/proc/self/exe"));
#endif
    }
    tell("fork", try_fork());
    tell("setuid", syscall(SYS_setresuid, 0, 0, 0));
    tell("setgroups", syscall(SYS_setgroups, 0, NULL));
    tell("chroot", chroot("/"));
    tell("mount", mount("none", "/nonexistent", "tmpfs", 0, NULL));
    tell("unshare", unshare(CLONE_NEWUSER));
    tell("setns", syscall(SYS_setns, 0, 0));
    tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    tell("init-module", syscall(SYS_init_module, NULL, 0, ""));
    tell("open-by-handle", syscall(SYS_open_by_handle_at, 0, NULL, 0));
    tell("perf", syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0));
    tell("io-uring", syscall(SYS_io_uring_setup, 1, NULL));
    tell("userfaultfd", syscall(SYS_userfaultfd, 0));
    tell("memfd", syscall(SYS_memfd_create, "x", 0));
    tell("executable-memory", try_executable_memory());
    tell("much-memory", try_much_memory());
    tell("dumpable", prctl(PR_SET_DUMPABLE, 1));
    tell("outlive-parent", prctl(PR_SET_PDEATHSIG, 0));
}
