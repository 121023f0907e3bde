#include "syslog.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/audit.h"
#include "limit.h"

static const struct sockaddr_un dev_log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

/* A socket of this account's where nobody listens is what an earlier `bastion init` has left. */
static void remove_stale_socket(void) {
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd != -1 && lstat(dev_log.sun_path, &st) == 0 && S_ISSOCK(st.st_mode)
        && st.st_uid == geteuid()
        && connect(fd, (const struct sockaddr *)&dev_log, sizeof dev_log) == -1
        && errno == ECONNREFUSED)
        unlink(dev_log.sun_path);
    if (fd != -1)
        close(fd);
}

int syslog_open(void) {
    remove_stale_socket();
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) == 0
        && bind(fd, (const struct sockaddr *)&dev_log, sizeof dev_log) == 0
        && chmod(dev_log.sun_path, 0666) == 0)
        return fd;
    close(fd);
    return -1;
}

/* RFC 3164: <priority>, then what the sender put there. */
static const char *skip_priority(const char *text, size_t *n) {
    const char *end = *n > 0 && text[0] == '<' ? memchr(text, '>', *n < 6 ? *n : 6) : NULL;
    if (end == NULL)
        return text;
    *n -= (size_t)(end + 1 - text);
    return end + 1;
}

static void print_message(const char *text, size_t n, const struct ucred *who) {
    struct audit a = AUDIT_EMPTY;
    char user[64] = "unknown";
    if (who != NULL)
        snprintf(user, sizeof user, "uid %u", (unsigned)who->uid);
    text = skip_priority(text, &n);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\0'))
        n--;
    a.event = "syslog";
    a.user = user;
    a.message = text;
    a.message_n = n;
    audit_write(&a);
}

/* Receives one message and prints it. Returns 0, or -1 with errno. */
static int receive_message(int fd, int flags) {
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct ucred who;
    char text[LIMIT_LOG_LINE];
    struct iovec io = {text, sizeof text};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    /* Descriptors that are sent along don't fit, so that the kernel closes them. */
    ssize_t n = recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    bool known = c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS
                 && c->cmsg_len == CMSG_LEN(sizeof who);
    if (known)
        memcpy(&who, CMSG_DATA(c), sizeof who);
    print_message(text, (size_t)n, known ? &who : NULL);
    return 0;
}

pid_t syslog_start(int fd) {
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Nothing else of process 1's stays open here: a port would be open as long as this process. */
    if (getppid() != parent || dup2(fd, 0) == -1 || fd_only_standard() == -1)
        _exit(0);
    /* The signals that process 1 has blocked stay so: it goes on until that kills it. */
    while (receive_message(0, 0) == 0 || errno == EINTR) {
    }
    _exit(71);
}

void syslog_close(int fd) {
    unlink(dev_log.sun_path);
    for (int i = 0; i < LIMIT_DRAINED_LINES && receive_message(fd, MSG_DONTWAIT) == 0; i++) {
    }
}
