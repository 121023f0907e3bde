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
#include "intake.h"
#include "links.h"
#include "penalty.h"
#include "refusal.h"
#include "spares.h"
#include "syslog.h"
#include "unknown.h"
#include "waiting.h"

/* What the loop waits for, in this order. */
enum {
    SLOT_SIGNALS,
    SLOT_LINKS,
    SLOT_CHANGES,
    SLOT_LISTENERS = SLOT_CHANGES + SPARES_SLOTS,
    SLOT_REFUSED = SLOT_LISTENERS + LIMIT_LISTENERS,
    SLOTS = SLOT_REFUSED + LIMIT_TURNED_AWAY
};

static const int handled_signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP};

int supervisor_prepare(struct supervisor *v) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof handled_signals / sizeof *handled_signals; i++)
        sigaddset(&set, handled_signals[i]);
    signal(SIGPIPE, SIG_IGN);
    v->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    v->links = links_open();
    return v->signal_fd == -1 || v->links == -1 ? -1 : sigprocmask(SIG_SETMASK, &set, NULL);
}

/* ---- children ---- */

static void start_printer(struct supervisor *v, int64_t now) {
    v->printer = v->syslog_fd != -1 ? syslog_start(v->syslog_fd) : 0;
    v->printer_retry = v->printer == -1 ? clock_after(now, LIMIT_RETRY_FIRST_MS) : CLOCK_NEVER;
}

static bool is_crash(int signal) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (signal == crashes[i])
            return true;
    return false;
}

/* The connection of which `pid` was the first process is no more. Returns its listener, or NULL
 * when there was none. */
static struct listener *end_connection(struct supervisor *v, pid_t pid, int signal, int64_t now) {
    struct connection *c = connection_find(pid);
    if (c == NULL)
        return NULL;
    struct listener *l = &v->listeners[c->listener];
    links_read(v->links, c, l, now); /* what it has said last */
    if (c->state == CONNECTION_UNKNOWN && (is_crash(signal) || c->was_refused))
        penalty_charge(&c->source,
                       is_crash(signal) ? LIMIT_PENALTY_CRASH_MS : LIMIT_PENALTY_REFUSED_MS, now);
    links_remove(v->links, c->link);
    c->link = -1;
    /* Whoever looks after its run belongs to the process group, as it did. */
    if (c->has_keeper && kill(-pid, 0) == 0)
        c->state = CONNECTION_LEFT;
    else
        connection_remove(c);
    v->room_changed = true;
    return l;
}

static void note_end(struct supervisor *v, pid_t pid, int status, int64_t now) {
    char text[128];
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const struct listener *l = end_connection(v, pid, signal, now);
    if (l == NULL)
        connection_forget_left();
    spares_note_end(pid, status, now);
    if (pid == v->printer) {
        v->printer = 0;
        /* One that has ended by itself can't do it, and the next one hardly can. */
        v->printer_retry = clock_after(now, signal != 0 ? LIMIT_SHORT_MS : LIMIT_SHORT_NOTE_MS);
        audit_error(NULL, NULL,
                    "the process that prints lines of /dev/log has ended; starting another");
    }
    if (l == NULL || !is_crash(signal))
        return;
    snprintf(text, sizeof text, "the process that served a connection was ended by signal %d",
             signal);
    audit_error(l->channel, NULL, text);
}

/* waitpid(2) looks at every child, ended or not, which with a thousand connections takes longer
 * than all else that is done for one. So whoever is known is asked for by name, and the others are
 * only looked for once there has been a SIGCHLD, of which several may be one. */
static void reap(struct supervisor *v, pid_t known, int64_t now) {
    int status;
    pid_t pid;
    if (known > 0 && waitpid(known, &status, WNOHANG) == known)
        note_end(v, known, status, now);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid == -1 && errno == EINTR))
        if (pid > 0)
            note_end(v, pid, status, now);
}

void supervisor_reap(struct supervisor *v, int64_t now) {
    struct pollfd signals = {.fd = v->signal_fd, .events = POLLIN};
    if (poll(&signals, 1, 0) != 0)
        reap(v, 0, now);
}

/* ---- signals ---- */

/* The process group of a connection is its first process with that one's helpers. A command has a
 * group of its own, and is told by them. */
static void signal_connections(int signal) {
    size_t count;
    const struct connection *c = connection_all(&count);
    for (size_t i = 0; i < count; i++)
        kill(-c[i].pid, signal);
}

static void begin_shutdown(struct supervisor *v, int signal, int64_t now) {
    char text[128];
    struct audit a = AUDIT_EMPTY;
    size_t count, left = 0;
    const struct connection *c = connection_all(&count);
    for (size_t i = 0; i < count; i++)
        left += c[i].state == CONNECTION_LEFT;
    int n = snprintf(text, sizeof text, "%s; %zu connections are open", strsignal(signal),
                     count - left);
    if (left > 0)
        snprintf(text + n, sizeof text - (size_t)n, ", and runs of %zu others go on", left);
    a.event = "stop";
    a.reason = text;
    audit_write(&a);
    spares_close();
    for (size_t i = 0; i < v->listener_count; i++)
        listen_refuse(&v->listeners[i]);
    intake_close(v, now);
    shutdown_begin(&v->shutdown, now);
}

/* Whether the signal may be a command's: where this is process 1 of a container, whether it comes
 * from inside. A sender outside, such as the engine, has no process id here and stands as 0
 * (pid_namespaces(7)). That is so in what the kernel has filled in; with sigqueue(3) the sender may
 * write any number there (rt_sigqueueinfo(2)). Elsewhere only an administrator can send any. */
static bool is_from_inside(const struct signalfd_siginfo *info) {
    bool kernel_says =
        info->ssi_code == SI_USER || info->ssi_code == SI_TKILL || info->ssi_code == SI_KERNEL;
    return getpid() == 1 && (!kernel_says || info->ssi_pid != 0);
}

static void note_ignored(struct supervisor *v, const struct signalfd_siginfo *info, int64_t now) {
    char text[128];
    if (now < v->next_signal_note)
        return;
    snprintf(text, sizeof text,
             "signal %u from a process in this container (uid %u) is ignored: only from outside it "
             "counts",
             info->ssi_signo, info->ssi_uid);
    audit_error(NULL, NULL, text);
    v->next_signal_note = clock_after(now, LIMIT_SHORT_NOTE_MS);
}

static void take_signals(struct supervisor *v, int64_t now) {
    struct signalfd_siginfo info;
    pid_t ended = 0;
    while (read(v->signal_fd, &info, sizeof info) == sizeof info) {
        int signal = (int)info.ssi_signo;
        bool again = v->shutdown.phase != SHUTDOWN_NOT;
        if (signal != SIGCHLD && is_from_inside(&info)) {
            note_ignored(v, &info, now);
            continue;
        }
        if (signal == SIGCHLD)
            ended = (pid_t)info.ssi_pid;
        if (signal == SIGHUP) {
            signal_connections(SIGHUP);
            spares_end();
        } else if (signal != SIGCHLD && !again)
            begin_shutdown(v, signal, now);
        if (signal == SIGQUIT || (again && (signal == SIGTERM || signal == SIGINT)))
            shutdown_hurry(&v->shutdown, now);
    }
    reap(v, ended, now);
}

/* ---- the loop ---- */

/* Fills in what to wait for, and returns until when. */
static int64_t prepare_poll(struct supervisor *v, struct pollfd fds[SLOTS], int64_t now) {
    int64_t deadline =
        clock_earlier(refusal_watch(fds + SLOT_REFUSED), shutdown_deadline(&v->shutdown, now));
    bool stops = v->shutdown.phase != SHUTDOWN_NOT, accepts = !stops && now >= v->accept_from;
    if (!accepts && !stops)
        deadline = clock_earlier(deadline, v->accept_from);
    fds[SLOT_SIGNALS] = (struct pollfd){.fd = v->signal_fd, .events = POLLIN};
    fds[SLOT_LINKS] = (struct pollfd){.fd = v->links, .events = POLLIN};
    deadline = clock_earlier(deadline, spares_watch(v, fds + SLOT_CHANGES));
    deadline = clock_earlier(deadline, links_note_left_out(v->listeners, v->listener_count, now));
    deadline = clock_earlier(deadline, refusal_note_left_out(v->listeners, v->listener_count, now));
    if (!stops)
        deadline = clock_earlier(deadline, clock_earlier(unknown_deadline(), waiting_deadline()));
    for (size_t i = 0; i < LIMIT_LISTENERS; i++) {
        const struct listener *l = &v->listeners[i];
        bool exists = i < v->listener_count;
        fds[SLOT_LISTENERS + i] =
            (struct pollfd){.fd = exists && accepts ? l->fd : -1, .events = POLLIN};
        if (exists && l->fd == -1)
            deadline = clock_earlier(deadline, l->retry);
    }
    return clock_earlier(deadline, v->printer_retry);
}

/* Does what is due at this time. */
static void run_timers(struct supervisor *v, int64_t now) {
    for (size_t i = 0; i < v->listener_count; i++)
        if (v->listeners[i].fd == -1 && now >= v->listeners[i].retry)
            listen_open(&v->listeners[i], v->address, now);
    if (v->printer <= 0 && now >= v->printer_retry)
        start_printer(v, now);
    if (v->shutdown.phase == SHUTDOWN_NOT) {
        intake_retry(v, now);
        unknown_tick(v->listeners, v->links, now);
        spares_tick(v, now);
    }
    shutdown_tick(&v->shutdown, v->printer, now);
}

/* When process 1 ends, the kernel closes its ports first and only then kills the other processes
 * (pid_namespaces(7)); until then one of those could take a port and be given credentials. So none
 * may be left. The signal reaches all of them at once, also one that forks faster than anybody can
 * look. */
static void kill_what_is_left(const struct supervisor *v) {
    int64_t now = clock_now(), deadline = clock_after(now, LIMIT_STOP_KILL_MS);
    struct signalfd_siginfo info;
    kill(-1, SIGKILL);
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) != -1 && now < deadline; now = clock_now()) {
        struct pollfd pfd = {.fd = v->signal_fd, .events = POLLIN};
        if (pid == 0 && poll(&pfd, 1, (int)(deadline - now)) == 1)
            while (read(v->signal_fd, &info, sizeof info) == sizeof info) {
            }
    }
}

void supervisor_run(struct supervisor *v) {
    int64_t now = clock_now();
    start_printer(v, now);
    spares_open(v);
    while (v->shutdown.phase != SHUTDOWN_DONE) {
        struct pollfd fds[SLOTS];
        struct timespec ts;
        int64_t deadline = prepare_poll(v, fds, now = clock_now());
        /* Not the empty slots at the end: poll(2) refuses a list that is longer than the limit of
         * descriptors, which may be low. */
        int n = ppoll(fds, SLOT_REFUSED + refusal_waiting(), clock_left(deadline, now, &ts), NULL);
        now = clock_now();
        if (n == -1) { /* memory is short, and of the descriptors nothing is known */
            poll(NULL, 0, LIMIT_SHORT_MS);
            take_signals(v, now);
        }
        if (n > 0 && fds[SLOT_SIGNALS].revents != 0)
            take_signals(v, now);
        if (n > 0 && fds[SLOT_LINKS].revents != 0)
            links_take(v->links, v->listeners, now);
        if (n > 0)
            spares_ready(fds + SLOT_CHANGES, now);
        /* Not if a signal has just begun the shutdown. */
        for (unsigned i = 0; n > 0 && v->shutdown.phase == SHUTDOWN_NOT && i < v->listener_count;
             i++)
            if (fds[SLOT_LISTENERS + i].revents != 0
                && v->listeners[i].fd == fds[SLOT_LISTENERS + i].fd)
                intake_accept(v, i, now);
        if (n >= 0)
            refusal_ready(fds + SLOT_REFUSED, now);
        run_timers(v, now);
    }
    if (v->printer > 0)
        kill(v->printer, SIGKILL);
    if (getpid() == 1)
        kill_what_is_left(v);
    if (v->syslog_fd != -1)
        syslog_close(v->syslog_fd);
}
