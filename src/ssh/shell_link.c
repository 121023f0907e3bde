#include "ssh/shell_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/init_link.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/monitor.h"
#include "ssh/handoff.h"
#include "ssh/login.h"

extern char **environ;

/* The monitor's process. The connection and tinysshd are its parent's alone. */
__attribute__((noreturn)) static void run_monitor(struct ssh_connection *c) {
    static struct session session; /* these two are large */
    static struct monitor m;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1
        || (log_target.standard_error == LOG_STDERR_CLIENT && dup2(null, 2) == -1))
        _exit(71);
    close(null);
    fd_close(&c->poll);
    fd_close(&c->signals);
    fd_close(&c->log);
    fd_close(&c->input);
    m.session = &session;
    m.channel = "ssh";
    m.peer = c->peer;
    snprintf(m.user, sizeof m.user, "%s", c->key->identity);
    snprintf(m.run, sizeof m.run, "%s", c->run);
    m.no_terminal = c->key->no_pty;
    m.front.fd = c->link;
    m.ready.ready.usable = session_open(&session, &c->settings, environ) == 0;
    if (!m.ready.ready.usable)
        audit_error("ssh", c->peer, session.error);
    monitor_serve(&m);
    _exit(0);
}

void shell_link_read(struct ssh_connection *c) {
    static struct received room; /* large */
    enum receipt got = handoff_take(c->link, &room, c->tinysshd, c->setup.account.uid, &c->input);
    if (got == RECEIPT_NONE)
        return;
    epoll_ctl(c->poll, EPOLL_CTL_DEL, 0, NULL); /* see daemon_quick_acknowledge */
    if (got == RECEIPT_MESSAGE && login_may_start_shell(c)) {
        c->shell_told = true;
        init_link_known();
        connection_audit(c, "login", "allow", NULL);
        c->monitor = fork();
        if (c->monitor == 0)
            run_monitor(c);
        if (c->monitor == -1)
            connection_audit(c, "fault", NULL, "there can be no process for the session");
    }
    /* The entry goes first: tinysshd has a copy of the descriptor (epoll(7)). */
    epoll_ctl(c->poll, EPOLL_CTL_DEL, c->link, NULL);
    fd_close(&c->link);
}
