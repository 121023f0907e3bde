#include "ssh/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fd_passing.h"
#include "base/fork_single.h"
#include "base/init_link.h"
#include "base/peer.h"
#include "base/ucspi.h"
#include "ssh/daemon_confinement.h"
#include "ssh/handoff.h"
#include "ssh/login.h"
#include "ssh/tracer.h"

/* ---- its start ---- */

/* Where it has that number already, dup2(2) would leave it to be closed. */
static bool give_shell_end(int fd) {
    return (fd == HANDOFF_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, HANDOFF_FD)) != -1;
}

/* In the child: does what can be done without a client, and waits for what it is to have: the
 * connection as two descriptors, and the list of keys. That also says that its parent watches it.
 * Then it becomes tinysshd. It dies with its parent, without whom nobody would look after the
 * session. */
enum { CLIENT_INPUT, CLIENT_OUTPUT, KEY_LIST, TINYSSHD_FDS };
static void become_tinysshd(int go, int log, int shell_end, const struct setup *setup) {
    int fds[TINYSSHD_FDS];
    char byte;
    sigset_t none;
    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
        _exit(71);
    daemon_confine(setup);
    if (fd_receive(go, &byte, 1, fds, TINYSSHD_FDS, 0) == 1 && dup2(fds[CLIENT_INPUT], 0) != -1
        && dup2(fds[CLIENT_OUTPUT], 1) != -1 && dup2(log, 2) != -1
        && dup2(fds[KEY_LIST], SETUP_KEY_LIST_FD) != -1 && give_shell_end(shell_end)) {
        sigprocmask(SIG_SETMASK, &none, NULL);
        execle(setup->program, "tinysshd", "-v", SETUP_HOST_KEY, (char *)NULL,
               (const char *[]){"PATH=/bin:/usr/bin", NULL});
    }
    _exit(71);
}

/* Blocks the signals that this process waits for by a descriptor. Returns that, or -1. */
static int open_signals(void) {
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The directories and programs that it is confined to, which Landlock knows by their inodes: what
 * was put in the place of one of them since is out of its reach. */
static void look_at_places(const struct ssh_connection *c, struct stat found[DAEMON_PLACES]) {
    const char *const paths[DAEMON_PLACES] = {SETUP_HOST_KEY, SETUP_KEYS, c->setup.program,
                                              c->setup.account.shell};
    for (size_t i = 0; i < DAEMON_PLACES; i++)
        if (stat(paths[i], &found[i]) == -1)
            found[i].st_ino = 0; /* no file's */
}

const char *daemon_prepare(struct ssh_connection *c) {
    int go[2], log[2], link[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) == -1 || pipe2(log, O_CLOEXEC) == -1
        || fd_nonblock(log[0]) == -1 || handoff_open(link) == -1)
        return strerror(errno);
    look_at_places(c, c->place);
    c->tinysshd = fork_single();
    if (c->tinysshd == -1)
        return strerror(errno);
    if (c->tinysshd == 0) {
        close(go[1]); /* else it would wait for itself */
        become_tinysshd(go[0], log[1], link[1], &c->setup);
    }
    close(go[0]);
    close(log[1]);
    close(link[1]);
    c->go = go[1];
    c->log = log[0];
    c->link = link[0];
    c->traced = geteuid() == 0 && tracer_watch(c->tinysshd);
    return NULL;
}

/* Whether the process that was made ahead of time can reach what it needs. */
static bool is_prepared(const struct ssh_connection *c) {
    struct stat now[DAEMON_PLACES];
    look_at_places(c, now);
    for (size_t i = 0; i < DAEMON_PLACES; i++)
        if (now[i].st_ino != c->place[i].st_ino || now[i].st_dev != c->place[i].st_dev)
            return false;
    return true;
}

static void discard_prepared(struct ssh_connection *c) {
    kill(c->tinysshd, SIGKILL);
    waitpid(c->tinysshd, NULL, __WALL);
    fd_close(&c->go);
    fd_close(&c->log);
    fd_close(&c->link);
    c->tinysshd = 0;
}

/* Gives it what it waits for. Returns NULL, or the error. */
static const char *let_start(struct ssh_connection *c) {
    const int fds[TINYSSHD_FDS] = {
        [CLIENT_INPUT] = 0, [CLIENT_OUTPUT] = 1, [KEY_LIST] = c->setup.key_list};
    if (!setup_check_others(&c->setup.account, c->traced, c->setup.error))
        return c->setup.error;
    const char *error = fd_send(c->go, "", 1, fds, TINYSSHD_FDS) ? NULL : strerror(errno);
    fd_close(&c->go);
    fd_close(&c->setup.key_list);
    return error;
}

const char *daemon_start(struct ssh_connection *c) {
    const char *error;
    if (c->tinysshd != 0 && !is_prepared(c))
        discard_prepared(c);
    if (c->tinysshd == 0 && (error = daemon_prepare(c)) != NULL)
        return error;
    c->signals = open_signals();
    c->poll = epoll_create1(EPOLL_CLOEXEC);
    if (c->signals == -1 || c->poll == -1)
        return strerror(errno);
    connection_watch(c, c->signals, CONNECTION_SIGNAL, EPOLLIN);
    connection_watch(c, c->log, CONNECTION_LOG, EPOLLIN);
    connection_watch(c, c->link, CONNECTION_LINK, EPOLLIN);
    /* For daemon_quick_acknowledge, edge by edge. Also as writable, which it always is: tinysshd
     * may have read a piece before epoll_wait(2) looks, and then the event would not be
     * reported. */
    connection_watch(c, 0, CONNECTION_SOCKET, EPOLLIN | EPOLLOUT | EPOLLET);
    return let_start(c);
}

/* Until the login is through, tinysshd and the client send small packets and wait for the other
 * side's: none may be held back. Later that would be work for nothing. Where descriptor 0 is no TCP
 * socket it fails, and does not matter. */
void daemon_quick_acknowledge(void) {
    setsockopt(0, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
}

/* ---- its end ---- */

/* Whether somebody on this machine looked at the banner and went without a word: `bastion health`
 * does, twice a minute, and that is not worth a line of the log. */
static bool was_health_probe(const struct ssh_connection *c) {
    return ucspi_is_loopback(c->peer) && clock_now() - c->started < LIMIT_HEALTH_MS
           && peer_left_silently(0);
}

/* Nobody was let in, which may happen as often as anybody likes: `bastion init` counts what is too
 * much for the log. */
static void log_refused_login(const struct ssh_connection *c, const char *reason) {
    if (init_link_ask() != INIT_LINK_COUNTED)
        connection_audit(c, "login", "deny", reason);
}

static void log_end(const struct ssh_connection *c) {
    char reason[LOGIN_REASON];
    if (c->login_unknown) {
        log_refused_login(c, "an account or a key that has no place here");
    } else if (c->key == NULL && !was_health_probe(c)) {
        login_failure(c, reason);
        log_refused_login(c, reason);
    } else if (c->key != NULL && !c->shell_told && !c->request_denied) {
        connection_audit(c, "login", "allow", "no session was begun");
    }
    if (c->key != NULL)
        connection_audit(c, "logout", NULL, NULL);
}

/* tinysshd is gone, and so the connection ends at once: a client that keeps it for the next session
 * (OpenSSH's ControlPersist) makes another one then, instead of asking here. It is shut down only
 * in this direction: a client that sends its last message and closes takes it for an error if that
 * can't be sent any more. The descriptors become /dev/null, since a command that goes on keeps its
 * shell, and the shell needs this process for its lines. */
static void end_connection(struct ssh_connection *c) {
    int null = fd_open("/dev/null", O_RDWR);
    c->ended = true;
    login_read_log(c);
    fd_close(&c->link);
    fd_close(&c->input);
    log_end(c);
    shutdown(1, SHUT_WR);
    peer_drain(0);
    dup2(null, 0);
    dup2(null, 1);
    fd_close(&null);
}

/* ---- its children ---- */

/* Whether a process, held at its execve(2), has become the account's shell, or nobody may look:
 * root without the capability SYS_PTRACE. (Landlock lets no other program start.) */
static bool is_account_shell(const struct ssh_connection *c, pid_t pid) {
    char path[64];
    struct stat it, shell;
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    if (stat(path, &it) == -1)
        return errno == EACCES;
    return stat(c->setup.account.shell, &shell) == 0 && it.st_dev == shell.st_dev
           && it.st_ino == shell.st_ino;
}

static void take_children(struct ssh_connection *c) {
    pid_t pid;
    for (enum tracer_event e; (e = tracer_next(c->tinysshd, &pid)) != TRACER_NOTHING;) {
        if (e == TRACER_EXEC && login_may_start_shell(c) && is_account_shell(c, pid))
            tracer_release(pid);
        else if (e == TRACER_EXEC)
            kill(pid, SIGKILL);
        else if (pid == c->tinysshd)
            end_connection(c);
        else if (pid == c->monitor)
            c->monitor = 0;
    }
}

void daemon_take_signal(struct ssh_connection *c) {
    struct signalfd_siginfo info;
    while (read(c->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD) {
            if (!c->ended)
                kill(c->tinysshd, SIGTERM);
            if (c->monitor > 0)
                kill(c->monitor, (int)info.ssi_signo);
        }
    take_children(c);
}
