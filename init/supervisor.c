#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "connection.h"
#include "core/audit.h"
#include "serve.h"
#include "syslog.h"

enum { SIGNALS, LISTENERS, AWAY = LISTENERS + LIMIT_LISTENERS, FDS = AWAY + LIMIT_TURNED_AWAY };

static const int taken[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP};

int supervisor_block_signals(struct supervisor *h) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&set, taken[i]);
    signal(SIGPIPE, SIG_IGN);
    h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return h->signals == -1 ? -1 : sigprocmask(SIG_SETMASK, &set, NULL);
}

/* ---- children ---- */

static void start_printer(struct supervisor *h, int64_t now) {
    h->printer = h->log != -1 ? syslog_start(h->log) : 0;
    h->printer_retry = h->printer == -1 ? clock_after(now, LIMIT_RETRY_FIRST_MS) : CLOCK_NEVER;
}

static bool is_crash(int signal) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (signal == crashes[i])
            return true;
    return false;
}

static void take_end(struct supervisor *h, pid_t pid, int status, int64_t now) {
    char text[128];
    int number = connection_remove(pid), signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (pid == h->printer) {
        h->printer = 0;
        h->printer_retry = clock_after(now, LIMIT_SHORT_MS);
        audit_error(NULL, NULL,
                    "the process that prints lines of /dev/log has ended; starting another");
    }
    if (number == -1 || !is_crash(signal))
        return;
    snprintf(text, sizeof text, "the process that served a connection was ended by signal %d",
             signal);
    audit_error(h->listeners[number].channel, NULL, text);
}

/* Takes up all that have ended, also those that others have left behind. */
static void reap(struct supervisor *h, int64_t now) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid == -1 && errno == EINTR);)
        if (pid > 0)
            take_end(h, pid, status, now);
}

/* ---- signals ---- */

/* A group is the first process of a connection with its helpers; a command has one of its own, and
 * hears of it from them. */
static void forward(int signal) {
    size_t count;
    const struct connection *c = connection_all(&count);
    for (size_t i = 0; i < count; i++)
        kill(-c[i].pid, signal);
}

static void stop(struct supervisor *h, int signal, int64_t now) {
    char text[128];
    struct audit a = AUDIT_EMPTY;
    size_t count;
    connection_all(&count);
    snprintf(text, sizeof text, "%s; %zu connections are open", strsignal(signal), count);
    a.event = "stop";
    a.reason = text;
    audit_write(&a);
    for (size_t i = 0; i < h->listener_count; i++)
        listen_refuse(&h->listeners[i]);
    shutdown_begin(&h->stop, now);
}

/* Whether a process of the container that this is process 1 of has sent it, and so a command may
 * have: whoever is outside, as the engine is, has no number here and stands as 0
 * (pid_namespaces(7)). That holds for what the kernel has filled in; sigqueue(3) lets its caller
 * write any number there (rt_sigqueueinfo(2)). Elsewhere the sender is an administrator. */
static bool is_from_inside(const struct signalfd_siginfo *info) {
    bool kernel_says =
        info->ssi_code == SI_USER || info->ssi_code == SI_TKILL || info->ssi_code == SI_KERNEL;
    return getpid() == 1 && (!kernel_says || info->ssi_pid != 0);
}

static void note_ignored(struct supervisor *h, const struct signalfd_siginfo *info, int64_t now) {
    char text[128];
    if (now < h->signal_note)
        return;
    snprintf(text, sizeof text,
             "signal %u from a process in this container (uid %u) is ignored: only from outside it "
             "counts",
             info->ssi_signo, info->ssi_uid);
    audit_error(NULL, NULL, text);
    h->signal_note = clock_after(now, LIMIT_SHORT_NOTE_MS);
}

static void take_signals(struct supervisor *h, int64_t now) {
    struct signalfd_siginfo info;
    while (read(h->signals, &info, sizeof info) == sizeof info) {
        int signal = (int)info.ssi_signo;
        bool again = h->stop.phase != SHUTDOWN_NOT;
        if (signal != SIGCHLD && is_from_inside(&info)) {
            note_ignored(h, &info, now);
            continue;
        }
        if (signal == SIGHUP)
            forward(SIGHUP);
        else if (signal != SIGCHLD && !again)
            stop(h, signal, now);
        if (signal == SIGQUIT || (again && (signal == SIGTERM || signal == SIGINT)))
            shutdown_hurry(&h->stop, now);
    }
    reap(h, now);
}

/* ---- listeners ---- */

/* Nothing of this is a reason to end. It gets better when something else ends. */
static void be_short(struct supervisor *h, const struct listener *l, const char *what,
                     int64_t now) {
    char text[256];
    h->accept_again = clock_after(now, LIMIT_SHORT_MS);
    if (now < h->short_note)
        return;
    snprintf(text, sizeof text, "port %u: %s: connections have to wait", l->port, what);
    audit_error(l->channel, NULL, text);
    h->short_note = clock_after(now, LIMIT_SHORT_NOTE_MS);
}

static void accept_some(struct supervisor *h, unsigned number, int64_t now) {
    struct listener *l = &h->listeners[number];
    for (int i = 0; i < LIMIT_ACCEPTS; i++) {
        struct sockaddr_storage peer;
        int fd;
        enum listen_result result = listen_accept(l, &fd, &peer);
        if (result == LISTEN_SHORT)
            be_short(h, l, strerror(errno), now);
        else if (result == LISTEN_BROKEN)
            listen_fail(l, "accept", errno, now);
        if (result != LISTEN_CONNECTION)
            return;
        l->pause = 0;
        reap(h, now); /* who has ended counts no more */
        if (h->in_container)
            accounts_refresh_groups(&h->accounts, &h->settings, h->environment);
        if (!serve_connection(l, number, &h->limits, fd, &peer, now)) {
            be_short(h, l, "no process could be made", now);
            return;
        }
    }
}

/* ---- the loop ---- */

static int64_t watch(struct supervisor *h, struct pollfd fds[FDS], int64_t now) {
    int64_t deadline =
        clock_earlier(connection_limits_watch(fds + AWAY), shutdown_deadline(&h->stop, now));
    bool stops = h->stop.phase != SHUTDOWN_NOT, accepts = !stops && now >= h->accept_again;
    if (!accepts && !stops)
        deadline = clock_earlier(deadline, h->accept_again);
    fds[SIGNALS] = (struct pollfd){.fd = h->signals, .events = POLLIN};
    for (size_t i = 0; i < LIMIT_LISTENERS; i++) {
        const struct listener *l = &h->listeners[i];
        bool is = i < h->listener_count;
        fds[LISTENERS + i] = (struct pollfd){.fd = is && accepts ? l->fd : -1, .events = POLLIN};
        if (is && l->fd == -1)
            deadline = clock_earlier(deadline, l->retry);
    }
    return clock_earlier(deadline, h->printer_retry);
}

static void look_after(struct supervisor *h, int64_t now) {
    for (size_t i = 0; i < h->listener_count; i++)
        if (h->listeners[i].fd == -1 && now >= h->listeners[i].retry)
            listen_open(&h->listeners[i], h->address, now);
    if (h->printer <= 0 && now >= h->printer_retry)
        start_printer(h, now);
    shutdown_tick(&h->stop, h->printer, now);
}

/* When process 1 ends, the kernel closes its ports first and only then kills what is left
 * (pid_namespaces(7)). So nothing may be left: this reaches all at once, also who forks faster than
 * anybody can look. */
static void kill_all(const struct supervisor *h) {
    int64_t now = clock_now(), deadline = clock_after(now, LIMIT_STOP_KILL_MS);
    struct signalfd_siginfo info;
    kill(-1, SIGKILL);
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) != -1 && now < deadline; now = clock_now()) {
        struct pollfd pfd = {.fd = h->signals, .events = POLLIN};
        if (pid == 0 && poll(&pfd, 1, (int)(deadline - now)) == 1)
            while (read(h->signals, &info, sizeof info) == sizeof info) {
            }
    }
}

void supervisor_run(struct supervisor *h) {
    int64_t now = clock_now();
    start_printer(h, now);
    while (h->stop.phase != SHUTDOWN_DONE) {
        struct pollfd fds[FDS];
        struct timespec ts;
        int64_t deadline = watch(h, fds, now = clock_now());
        /* No more than there are: poll(2) takes no more than there may be descriptors. */
        int n =
            ppoll(fds, AWAY + connection_limits_waiting(), clock_left(deadline, now, &ts), NULL);
        now = clock_now();
        if (n == -1) { /* short of memory: nothing is known of the descriptors */
            poll(NULL, 0, LIMIT_SHORT_MS);
            take_signals(h, now);
        }
        if (n > 0 && fds[SIGNALS].revents != 0)
            take_signals(h, now);
        /* A signal just now may have been the end of accepting. */
        for (unsigned i = 0; n > 0 && h->stop.phase == SHUTDOWN_NOT && i < h->listener_count; i++)
            if (fds[LISTENERS + i].revents != 0 && h->listeners[i].fd == fds[LISTENERS + i].fd)
                accept_some(h, i, now);
        if (n >= 0)
            connection_limits_ready(fds + AWAY, now);
        look_after(h, now);
    }
    if (h->printer > 0)
        kill(h->printer, SIGKILL);
    if (getpid() == 1)
        kill_all(h);
    if (h->log != -1)
        syslog_close(h->log);
}
