#include "syslog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/drop.h"
#include "base/fd.h"
#include "base/rate.h"
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

/* ---- lines ---- */

/* Returns 0, or -1 when no log took the line. */
static int write_line(const char *user, const char *message, size_t n, const char *reason) {
    struct audit a = AUDIT_EMPTY;
    a.event = "syslog";
    a.user = user;
    a.message = message;
    a.message_n = n;
    a.reason = reason;
    return audit_write(&a);
}

/* Who has sent anything in the last second. An account that sends too much has its own messages
 * left out, and nobody else's. */
static struct sender {
    char user[32];
    struct rate rate;
} senders[LIMIT_SYSLOG_ACCOUNTS];

/* The last of them stands for all for whom there is no other one free. */
static struct sender *find_sender(const char *user, int64_t now) {
    struct sender *free = &senders[LIMIT_SYSLOG_ACCOUNTS - 1];
    for (int i = LIMIT_SYSLOG_ACCOUNTS - 1; i >= 0; i--) {
        if (strcmp(senders[i].user, user) == 0)
            return &senders[i];
        if (senders[i].rate.left_out == 0 && now - senders[i].rate.since >= RATE_MS)
            free = &senders[i];
    }
    if (free->rate.left_out == 0)
        snprintf(free->user, sizeof free->user, "%s", user);
    else
        snprintf(free->user, sizeof free->user, "several accounts");
    return free;
}

static void write_left_out(struct sender *s) {
    char text[64];
    if (s->rate.left_out == 0)
        return;
    snprintf(text, sizeof text, "%llu messages were left out",
             (unsigned long long)s->rate.left_out);
    s->rate.left_out = 0;
    write_line(s->user, NULL, 0, text);
}

/* Writes how many were left out of those who are silent now. Returns the deadline for the next
 * call. */
static int64_t write_all_left_out(int64_t now) {
    int64_t deadline = CLOCK_NEVER;
    for (int i = 0; i < LIMIT_SYSLOG_ACCOUNTS; i++) {
        struct rate *r = &senders[i].rate;
        if (rate_is_due(r, now))
            write_left_out(&senders[i]);
        if (r->left_out > 0)
            deadline = clock_earlier(deadline, clock_after(r->since, RATE_MS));
    }
    return deadline;
}

/* Returns 0, or -1 when no log took the line. */
static int print_message(const char *text, size_t n, const struct ucred *who) {
    char user[32] = "unknown";
    int64_t now = clock_now();
    if (who != NULL)
        snprintf(user, sizeof user, "uid %u", (unsigned)who->uid);
    struct sender *sender = find_sender(user, now);
    if (!rate_allows(&sender->rate, LIMIT_SYSLOG_LINES, now))
        return 0;
    write_left_out(sender);
    text = skip_priority(text, &n);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\0'))
        n--;
    return write_line(user, text, n, NULL);
}

/* Receives one message and prints it. Returns 0, or -1 with errno, or -1 with errno 0 when no log
 * took the line. */
static int receive_message(int fd) {
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
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    bool known = c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS
                 && c->cmsg_len == CMSG_LEN(sizeof who);
    if (known)
        memcpy(&who, CMSG_DATA(c), sizeof who);
    int printed = print_message(text, (size_t)n, known ? &who : NULL);
    errno = 0;
    return printed;
}

/* ---- processes ---- */

/* Becomes an account that has nothing, for good: what prints reads what any command has sent. */
static bool confine(pid_t parent) {
    const struct account nobody = {.uid = ACCOUNT_SYSLOG, .gid = ACCOUNT_SYSLOG};
    const struct rlimit none = {0, 0};
    if (geteuid() == 0 && drop_to(&nobody) == -1)
        return false;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || setrlimit(RLIMIT_CORE, &none) == -1
        || setrlimit(RLIMIT_NPROC, &none) == -1 || chdir("/") == -1)
        return false;
    /* Last, since the change of account takes it back (prctl(2)). */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

/* Starts a process that has the socket as 0, and the log. Nothing else of process 1's stays open
 * there: a port would be open as long as that process. Returns as fork(2) does. */
static pid_t start_confined(int fd) {
    pid_t parent = getpid(), pid = fork();
    if (pid == 0 && (dup2(fd, 0) == -1 || fd_only_standard() == -1 || !confine(parent)))
        _exit(71);
    return pid;
}

pid_t syslog_start(int fd) {
    pid_t pid = start_confined(fd);
    if (pid != 0)
        return pid;
    /* The signals that process 1 has blocked stay so: this goes on until process 1 kills it. */
    for (;;) {
        struct pollfd pfd = {.fd = 0, .events = POLLIN};
        struct timespec ts;
        int64_t now = clock_now();
        int n = ppoll(&pfd, 1, clock_left(write_all_left_out(now), now, &ts), NULL);
        if (n > 0 && receive_message(0) == -1 && errno != EAGAIN && errno != EINTR && errno != 0)
            _exit(71);
    }
}

void syslog_close(int fd) {
    unlink(dev_log.sun_path);
    pid_t pid = start_confined(fd);
    if (pid == 0) {
        for (int i = 0; i < LIMIT_DRAINED_LINES && receive_message(0) == 0; i++) {
        }
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
    }
}
