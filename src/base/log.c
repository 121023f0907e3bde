#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/fd.h"
#include "limit.h"

enum { SYSLOG_AUTH_NOTICE = 4 << 3 | 5 }; /* RFC 3164, section 4.1.1 */

struct log log_target = {.syslog = -1};

/* Descriptor 2 leads to the client where it is the connection's own socket, or an Internet socket
 * (a web server that was itself started by inetd hands its client's socket to a CGI program as
 * standard error). */
enum log_stderr log_look(void) {
    struct stat st;
    bool is_there = fstat(2, &st) == 0, is_socket = is_there && S_ISSOCK(st.st_mode);
    log_target.is_file = is_there && S_ISREG(st.st_mode);
    return is_socket && (fd_is_inet_socket(2) || fd_same(2, 0) || fd_same(2, 1)) ? LOG_STDERR_CLIENT
                                                                                 : LOG_STDERR_LOG;
}

static int open_syslog(void) {
    const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    const struct timeval patience = {.tv_sec = LIMIT_LOG_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&log, sizeof log) == -1)
        fd_close(&fd);
    return fd;
}

static int to_syslog(const char *line, size_t n) {
    char whole[LIMIT_LOG_LINE + 64];
    struct buf b = BUF_ON(whole);
    buf_format(&b, "<%d>bastion[%ld]: ", SYSLOG_AUTH_NOTICE, (long)getpid());
    buf_bytes(&b, line, n);
    int kept = log_target.syslog, fd = kept != -1 ? kept : open_syslog();
    if (fd == -1)
        return -1;
    int sent = !b.full && send(fd, b.at, b.len, MSG_NOSIGNAL) == (ssize_t)b.len ? 0 : -1;
    if (fd != kept)
        close(fd);
    return sent;
}

void log_keep_syslog(void) {
    log_target.standard_error = log_look();
    if (!log_target.is_syslog)
        log_target.syslog = open_syslog();
}

void log_heed(char *const *environment) {
    const char *place = env_get(environment, "BASTION_LOG");
    if (place != NULL && strcmp(place, "stderr") == 0)
        log_target.is_syslog = true;
}

/* A file takes the line without a wait. Whatever else does, at least takes it in one call with most
 * kernels (since 6.4 also a pipe), which need not be asked before whether it would. */
static int to_standard_error(const char *line, size_t n) {
    const struct iovec piece = {(void *)(uintptr_t)line, n};
    ssize_t sent = log_target.is_file ? write(2, line, n) : pwritev2(2, &piece, 1, -1, RWF_NOWAIT);
    size_t done = sent > 0 ? (size_t)sent : 0;
    return done == n ? 0 : fd_write_all(2, line + done, n - done, LIMIT_LOG_MS);
}

int log_line(const char *line, size_t n) {
    struct log *l = &log_target;
    if (l->standard_error == LOG_STDERR_UNKNOWN)
        l->standard_error = log_look();
    if (l->standard_error == LOG_STDERR_LOG && to_standard_error(line, n) == 0)
        return 0;
    return l->is_syslog ? -1 : to_syslog(line, n - 1);
}

int log_no_start(const char *program, const char *text) {
    fprintf(stderr, "bastion %s: ", program);
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, stderr);
    fputc('\n', stderr);
    return 78;
}
