#include "tls/backend.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/fork_single.h"
#include "base/init_link.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "tls/profile.h"
#include "wire/utf8.h"

extern char **environ;

/* Whether a variable goes on to the program: not those that are set here. */
static bool passes(const char *name, size_t n) {
    static const char *const ours[] = {"HTTPS", "SSL_PROTOCOL", "SSL_CIPHER",
                                       "SSL_TLS_SNI_SERVERNAME", "TCPREMOTEIP"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (n == strlen(ours[i]) && memcmp(name, ours[i], n) == 0)
            return false;
    if (n >= 11 && memcmp(name, "SSL_CLIENT_", 11) == 0)
        return false;
    return true;
}

static bool is_host_name(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    return n > 0 && text[n] == '\0';
}

/* What the program gets: the environment as it is, and the names of UCSPI-TLS. NULL when it does
 * not fit. Where the peer's address is known, it stands there in its canonical form. */
static char *const *make_environment(const struct backend_facts *f, const char *peer) {
    static struct env e; /* large; used once, right before execve(2) */
    char address[LIMIT_PEER];
    const char *suite = profile_suite(f->suite);
    env_start(&e);
    env_copy(&e, environ, passes);
    env_set(&e, "HTTPS", "on");
    env_set(&e, "SSL_PROTOCOL", "TLSv1.2");
    if (suite != NULL)
        env_set(&e, "SSL_CIPHER", suite);
    if (is_host_name(f->server_name))
        env_set(&e, "SSL_TLS_SNI_SERVERNAME", f->server_name);
    if (utf8_is_plain(f->client_name, strlen(f->client_name)))
        env_set(&e, "SSL_CLIENT_S_DN_CN", f->client_name);
    if (ucspi_address(address, peer))
        env_set(&e, "TCPREMOTEIP", address);
    return env_list(&e);
}

/* The descriptors 0 and 1 become the socket; and 2 too where it was the client's connection, as
 * under inetd: nothing may reach that but records. */
static int redirect(int fd) {
    bool errors = fd_is_inet_socket(2) || fd_same(2, 0) || fd_same(2, 1);
    return dup2(fd, 0) == -1 || dup2(fd, 1) == -1 || (errors && dup2(fd, 2) == -1) ? -1 : 0;
}

/* The process: waits for the facts, and executes the program. */
__attribute__((noreturn)) static void run_backend(int fd, char **argv, const char *peer) {
    struct backend_facts f;
    char error[LIMIT_PATH + 64];
    sigset_t none;
    if (recv(fd, &f, sizeof f, MSG_WAITALL) != sizeof f)
        _exit(0); /* there was no handshake */
    f.server_name[sizeof f.server_name - 1] = f.client_name[sizeof f.client_name - 1] = '\0';
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    char *const *env = make_environment(&f, peer);
    errno = E2BIG;
    if (env != NULL && redirect(fd) == 0)
        execvpe(argv[0], argv, env);
    int failed = errno;
    snprintf(error, sizeof error, "%s: %s", argv[0], strerror(failed));
    audit_error("tls", peer, error);
    _exit(failed == ENOENT ? 127 : 126);
}

/* The process of a spare: executes the program at once. */
__attribute__((noreturn)) static void run_spare(int fd, char **argv) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    init_link_put_behind_tls(environ);
    if (dup2(fd, 0) != -1 && dup2(fd, 1) != -1)
        execvp(argv[0], argv);
    _exit(127);
}

/* `peer` is NULL for a spare. */
static int prepare(struct backend *b, char **argv, const char *peer) {
    int pair[2];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
        return -1;
    b->fd = pair[0];
    b->pid = fork_single();
    if (b->pid == 0) {
        close(pair[0]);
        if (peer == NULL)
            run_spare(pair[1], argv);
        run_backend(pair[1], argv, peer);
    }
    close(pair[1]);
    return b->pid == -1 ? -1 : 0;
}

int backend_prepare(struct backend *b, char **argv, const char *peer) {
    return prepare(b, argv, peer) == -1 || fd_nonblock(b->fd) == -1 ? -1 : 0;
}

int backend_prepare_spare(struct backend *b, char **argv) {
    char ready;
    b->is_spare = true;
    return prepare(b, argv, NULL) == -1 || recv(b->fd, &ready, 1, 0) != 1
                   || fd_nonblock(b->fd) == -1
               ? -1
               : 0;
}

void backend_introduce(const struct backend *b, const char *text) {
    (void)!send(b->fd, text, INIT_LINK_TEXT, MSG_NOSIGNAL);
}

int backend_begin(const struct backend *b, const struct backend_facts *facts) {
    if (b->is_spare)
        return send(b->fd, facts->client_name, sizeof facts->client_name, MSG_NOSIGNAL)
                       == sizeof facts->client_name
                   ? 0
                   : -1;
    return send(b->fd, facts, sizeof *facts, MSG_NOSIGNAL) == sizeof *facts ? 0 : -1;
}

bool backend_end(struct backend *b, int64_t ms, int *code) {
    int64_t deadline = ms < 0 ? CLOCK_NEVER : clock_after(clock_now(), ms);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        struct timespec ts;
        int status;
        pid_t pid = waitpid(b->pid, &status, WNOHANG);
        if (pid == b->pid) {
            *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            return true;
        }
        int64_t now = clock_now();
        if ((pid == -1 && errno != EINTR) || now >= deadline)
            return false;
        struct timespec *left = clock_left(deadline, now, &ts);
        if (left != NULL)
            sigtimedwait(&set, NULL, left);
        else
            sigwaitinfo(&set, NULL);
    }
}
