#include "ssh/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/log.h"
#include "base/peer.h"
#include "base/ucspi.h"
#include "ssh/tracer.h"
#include "ssh/setup.h"
#include "ssh/handoff.h"
#include "core/audit.h"
#include "ssh/authorized_keys.h"
#include "core/lock.h"
#include "core/session.h"
#include "core/settings.h"
#include "wire/tinysshd.h"

extern char **environ;

/* One connection. */
struct ssh_connection {
    struct settings settings;
    struct account account;
    struct authorized_keys keys;
    struct lock lock; /* prepared for the login shell, which can't open its file for writing */
    char peer[LIMIT_PEER], run[SESSION_RUN_ID];
    int64_t started;

    pid_t tinysshd;
    bool traced; /* ptrace(2) holds what tinysshd starts */
    bool ended;  /* tinysshd has */
    int log, listener, shell, input, signals, poll;

    char line[LIMIT_LOG_LINE]; /* of tinysshd's log, as far as it has come */
    size_t line_n;
    bool line_lost;                   /* it is longer than that: nothing of it counts */
    char trouble[LIMIT_TROUBLE];      /* its last complaint that says something */
    bool general;                     /* or that doesn't, for lack of another */
    char refused[LIMIT_REFUSED_KEYS]; /* the keys that were not taken */
    bool denied;                      /* a request of the session was */
    const struct key *key;            /* who has logged in, or NULL */
    bool nobody;                      /* the account that it named is none */
    bool stranger;                    /* tinysshd let somebody in whom nobody here knows */
    bool entered;                     /* the login shell has asked, and been told */
    bool running;                     /* it has told of a run's start, and not of its end */
};

enum { AT_SOCKET, AT_LOG, AT_LISTENER, AT_SHELL, AT_SIGNAL };

static void watch(const struct ssh_connection *v, int fd, unsigned what, unsigned events) {
    struct epoll_event e = {.events = events, .data.u32 = what};
    epoll_ctl(v->poll, EPOLL_CTL_ADD, fd, &e);
}

/* ---- the log ---- */

static void note(const struct ssh_connection *v, const char *event, const char *verdict,
                 const char *reason) {
    struct audit a = AUDIT_EMPTY;
    char fingerprint[KEYS_FINGERPRINT];
    a.event = event;
    a.run = v->run;
    a.channel = "ssh";
    a.peer = v->peer;
    a.verdict = verdict;
    a.reason = reason;
    if (v->key != NULL) {
        authorized_keys_fingerprint(fingerprint, v->key->text);
        a.user = v->key->identity;
        a.key = fingerprint;
    }
    if (v->ended)
        a.ms = clock_now() - v->started;
    audit_write(&a);
}

/* Nobody was let in, which may happen as often as anybody likes. */
static void note_refused(const struct ssh_connection *v, const char *reason) {
    if (init_link_ask() != INIT_LINK_COUNTED)
        note(v, "login", "deny", reason);
}

static void complain(struct ssh_connection *v, struct slice text) {
    snprintf(v->trouble, sizeof v->trouble, "%.*s", (int)text.n, text.at);
}

static void add_refused(struct ssh_connection *v, struct slice key) {
    size_t n = strlen(v->refused);
    if (n + key.n + 3 < sizeof v->refused && memmem(v->refused, n, key.at, key.n) == NULL)
        snprintf(v->refused + n, sizeof v->refused - n, "%s%.*s", n > 0 ? ", " : "", (int)key.n,
                 key.at);
}

/* Why nobody was let in: also which keys were shown, so that it is seen whose they are. */
static const char *refusal(struct ssh_connection *v) {
    static char text[LIMIT_TROUBLE + LIMIT_REFUSED_KEYS + 2];
    bool is_about_login = v->nobody || (!v->general && strncmp(v->trouble, "auth: ", 6) == 0);
    if (v->refused[0] == '\0')
        return v->trouble[0] != '\0' ? v->trouble : "the connection ended before a login";
    snprintf(text, sizeof text, "%s: %s", is_about_login ? v->trouble : "no key that is let in",
             v->refused);
    return text;
}

static void accept_login(struct ssh_connection *v, const struct tinysshd_line *l) {
    char text[SSH_KEY_TEXT + 1];
    snprintf(text, sizeof text, "%.*s", SSH_KEY_TEXT, l->key.at);
    v->key = slice_is(l->account, v->account.name) ? authorized_keys_find(&v->keys, text) : NULL;
    v->stranger = v->key == NULL;
    if (v->stranger && !v->ended)
        kill(v->tinysshd, SIGKILL); /* before it starts anything: where nobody holds what it starts,
                                       nobody else would */
}

static void take_line(struct ssh_connection *v, struct slice line) {
    static const char nobody[] = "there is no such account";
    struct tinysshd_line l;
    tinysshd_read(&l, line);
    switch (l.kind) {
    case TINYSSHD_NOTE: break;
    case TINYSSHD_ACCEPTED: accept_login(v, &l); break;
    case TINYSSHD_REJECTED: add_refused(v, l.text); break;
    case TINYSSHD_NOBODY:
        complain(v, (struct slice){nobody, sizeof nobody - 1});
        v->nobody = true;
        v->key = NULL;
        v->stranger = false;
        break;
    case TINYSSHD_DENIED:
        if (v->key != NULL && !v->denied) {
            v->denied = true;
            note(v, "deny", "deny", "a request with a NUL byte");
        }
        break;
    case TINYSSHD_GENERAL:
    case TINYSSHD_TROUBLE:
        if (l.kind == TINYSSHD_TROUBLE || v->trouble[0] == '\0') {
            v->general = l.kind == TINYSSHD_GENERAL;
            complain(v, l.text);
        }
        break;
    }
}

static void read_log(struct ssh_connection *v) {
    for (;;) {
        ssize_t n = read(v->log, v->line + v->line_n, sizeof v->line - v->line_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            fd_close(&v->log);
        if (n <= 0)
            return;
        v->line_n += (size_t)n;
        char *from = v->line, *newline;
        while ((newline = memchr(from, '\n', v->line_n - (size_t)(from - v->line))) != NULL) {
            if (!v->line_lost)
                take_line(v, (struct slice){from, (size_t)(newline - from)});
            v->line_lost = false;
            from = newline + 1;
        }
        v->line_n -= (size_t)(from - v->line);
        memmove(v->line, from, v->line_n);
        if (v->line_n == sizeof v->line) {
            v->line_n = 0; /* no line of tinysshd's is that long */
            v->line_lost = true;
        }
    }
}

/* ---- the login shell ---- */

/* Whether the one who has logged in may start the shell: what tinysshd logged is read up to this
 * moment. */
static bool may_enter(struct ssh_connection *v) {
    read_log(v);
    if (v->key == NULL)
        kill(v->tinysshd, SIGKILL);
    return v->key != NULL;
}

/* The administrator's environment as the shell gets it: the settings of a run with their values,
 * wherever those came from, and where all configuration stands, which is closed to the command; and
 * what the command is to see. */
static char *const *told_environment(const struct ssh_connection *v) {
    static struct env e;
    static char text[LIMIT_HANDOFF];
    struct buf b = BUF_ON(text);
    env_start(&e);
    env_copy(&e, environ, session_passes);
    for (int id = 0; id < SETTING_COUNT; id++) {
        enum setting setting = (enum setting)id;
        char *variable = b.at + b.len;
        if (settings_given(&v->settings, setting)
            && (settings_needed(setting, NEED_RUN) || settings_is_place(setting))) {
            buf_format(&b, "%s=%s", settings_name(setting), settings_text(&v->settings, setting));
            buf_char(&b, '\0');
            env_replace(&e, variable);
        }
        variable = b.at + b.len;
        if (v->settings.named_file[id] != NULL) {
            buf_format(&b, "%s_FILE=%s", settings_name(setting), v->settings.named_file[id]);
            buf_char(&b, '\0');
            env_replace(&e, variable);
        }
    }
    return b.full ? NULL : env_list(&e);
}

static void welcome(struct ssh_connection *v) {
    v->shell = handoff_accept(v->listener, v->tinysshd, v->account.uid, &v->input);
    if (v->shell == -1)
        return;
    handoff_close(&v->listener, v->tinysshd);
    epoll_ctl(v->poll, EPOLL_CTL_DEL, 0, NULL);
    if (!may_enter(v)) {
        fd_close(&v->shell);
        return;
    }
    v->entered = true;
    note(v, "login", "allow", NULL);
    struct handoff t = {v->run,         v->key->identity, v->peer,
                        v->key->no_pty, v->lock.record,   told_environment(v)};
    if (t.environment == NULL || handoff_give(v->shell, &t) == -1) {
        note(v, "fault", NULL, "the login shell could not be told who has logged in");
        fd_close(&v->shell);
        return;
    }
    watch(v, v->shell, AT_SHELL, EPOLLIN);
}

static void take_shells_line(struct ssh_connection *v) {
    if (handoff_pass_line(v->shell, &v->running) == 0)
        return;
    fd_close(&v->shell);
    if (v->running) /* a command of the same account can do that; the run may go on */
        note(v, "end", NULL, "the login shell was killed");
}

/* ---- tinysshd ---- */

/* Somebody on this machine who looked at the banner and went without a word: `bastion health`,
 * twice a minute. */
static bool is_probe(const struct ssh_connection *v) {
    return ucspi_is_loopback(v->peer) && clock_now() - v->started < LIMIT_HEALTH_MS
           && peer_left_silently(0);
}

/* tinysshd is gone, and so the connection ends at once: a client that keeps it for the next session
 * (OpenSSH's ControlPersist) makes another one then, instead of asking here. Only in this
 * direction, though: one that has said its last word and closes takes it for an error if that can't
 * be sent any more. A command that goes on keeps its shell, and the shell this process for its
 * lines. */
static void end_connection(struct ssh_connection *v) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    v->ended = true;
    read_log(v);
    handoff_close(&v->listener, v->tinysshd);
    fd_close(&v->input);
    if (v->stranger)
        note_refused(v, "an account or a key that has no place here");
    else if (v->key == NULL && !is_probe(v))
        note_refused(v, refusal(v));
    else if (v->key != NULL && !v->entered && !v->denied)
        note(v, "login", "allow", "no session was begun");
    if (v->key != NULL)
        note(v, "logout", NULL, NULL);
    shutdown(1, SHUT_WR);
    peer_drain(0);
    dup2(null, 0);
    dup2(null, 1);
    fd_close(&null);
}

static void take_children(struct ssh_connection *v) {
    pid_t pid;
    for (enum tracer_event news; (news = tracer_next(v->tinysshd, &pid)) != TRACER_NOTHING;) {
        if (news == TRACER_EXEC && may_enter(v))
            tracer_release(pid);
        else if (news == TRACER_EXEC)
            kill(pid, SIGKILL);
        else if (pid == v->tinysshd)
            end_connection(v);
    }
}

static void take_signal(struct ssh_connection *v) {
    struct signalfd_siginfo info;
    while (read(v->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD && !v->ended)
            kill(v->tinysshd, SIGTERM);
    take_children(v);
}

/* tinysshd writes small packets and waits for the answers: neither side may hold one back. Until
 * the login is through its input is acknowledged as it comes (tcp(7), TCP_QUICKACK, which lasts for
 * one piece); later that would be work for nothing. It is watched as writable too, which it always
 * is: tinysshd may have read the piece before epoll_wait(2) looks, and what is not readable any
 * more would be no event. Not a TCP socket: then it does not matter. */
static void hasten(void) { setsockopt(0, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int)); }

/* A shell that tinysshd's end overtook before it could ask is told no, as long as this process is
 * here. */
static bool may_leave(const struct ssh_connection *v) {
    return v->ended && v->shell == -1 && (v->entered || tracer_is_alone());
}

static void serve(struct ssh_connection *v) {
    while (!may_leave(v)) {
        struct epoll_event events[8];
        int n = epoll_wait(v->poll, events, 8, -1);
        for (int i = 0; i < n; i++) {
            switch (events[i].data.u32) {
            case AT_SOCKET: hasten(); break;
            case AT_LOG: read_log(v); break;
            case AT_LISTENER: welcome(v); break;
            case AT_SHELL: take_shells_line(v); break;
            case AT_SIGNAL: take_signal(v); break;
            }
        }
    }
}

/* The child: waits until it is watched and has its socket, then becomes tinysshd. It dies with its
 * parent, without whom nobody would look after the session. */
static void become_tinysshd(int go, int log, const char *program, const char *key_directory) {
    char byte;
    sigset_t none;
    sigemptyset(&none);
    if (read(go, &byte, 1) == 1 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(log, 2) != -1) {
        sigprocmask(SIG_SETMASK, &none, NULL);
        execle(program, "tinysshd", "-v", key_directory, (char *)NULL,
               (const char *[]){"PATH=/bin:/usr/bin", NULL});
    }
    _exit(71);
}

/* Returns NULL, or what failed. */
static const char *start(struct ssh_connection *v, const char *program) {
    static char text[LIMIT_PATH + 128];
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    int go[2], log[2];
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_SETMASK, &set, NULL);
    if (pipe2(go, O_CLOEXEC) == -1 || pipe2(log, O_CLOEXEC) == -1 || fd_nonblock(log[0]) == -1
        || (v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1
        || (v->poll = epoll_create1(EPOLL_CLOEXEC)) == -1)
        return strerror(errno);
    v->tinysshd = fork();
    if (v->tinysshd == -1)
        return strerror(errno);
    if (v->tinysshd == 0) {
        close(go[1]); /* else it would wait for itself */
        become_tinysshd(go[0], log[1], program, SETUP_HOST_KEY);
    }
    close(go[0]);
    close(log[1]);
    v->log = log[0];
    v->traced = geteuid() == 0 && tracer_watch(v->tinysshd);
    const char *error = setup_check_others(&v->account, v->traced);
    if (error == NULL && (v->listener = handoff_listen(v->tinysshd, v->account.uid)) == -1) {
        snprintf(text, sizeof text, HANDOFF_DIRECTORY ": %s", strerror(errno));
        error = text;
    }
    if (error == NULL && write(go[1], "", 1) != 1)
        error = strerror(errno);
    close(go[1]);
    watch(v, v->signals, AT_SIGNAL, EPOLLIN);
    watch(v, v->log, AT_LOG, EPOLLIN);
    watch(v, v->listener, AT_LISTENER, EPOLLIN);
    watch(v, 0, AT_SOCKET, EPOLLIN | EPOLLOUT | EPOLLET);
    return error;
}

/* All that a connection needs before tinysshd starts. Returns NULL, or what is wrong. */
static const char *prepare(struct ssh_connection *v, char program[LIMIT_PATH], bool before_all) {
    struct settings_places places = {environ, settings_directories};
    const char *error = settings_start(&v->settings, &places, NEED_RUN | NEED_SSH | NEED_ACCOUNT);
    if (error != NULL)
        return error;
    return setup_prepare(&v->settings, &v->account, &v->keys, &v->lock, before_all ? NULL : v->peer,
                         program);
}

int ssh_main(int argc, char **argv) {
    /* set below and not here, lest it all stand in the executable */
    static struct ssh_connection v;
    char program[LIMIT_PATH];
    bool only_prepare = argc == 2 && strcmp(argv[1], "--prepare") == 0;
    if (argc > 1 && !only_prepare) {
        fputs("usage: bastion ssh [--prepare]\n", stderr);
        return 64;
    }
    init_link_open(environ, false);
    if (fd_only_standard() == -1)
        return 71;
    signal(SIGPIPE, SIG_IGN);
    v.lock.record = v.log = v.listener = v.shell = v.input = v.signals = v.poll = -1;
    v.started = clock_now();
    ucspi_peer(v.peer, environ, 0);
    session_new_run(v.run);
    peer_no_delay(0);
    /* a client whose network is gone does not keep its command until tinysshd's hour is over */
    peer_probe(0, 60, 10, 6);
    const char *error = prepare(&v, program, only_prepare);
    if (only_prepare)
        return error == NULL ? 0 : log_no_start("ssh", error);
    if (error == NULL)
        error = start(&v, program);
    if (error != NULL) {
        audit_error("ssh", v.peer, error);
        return 78;
    }
    log_target.standard_error = log_look();
    hasten();
    serve(&v);
    handoff_end();
    return 0;
}
