#include "ssh/shell_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fork_single.h"
#include "base/init_link.h"
#include "base/log.h"
#include "base/pages.h"
#include "core/audit.h"
#include "core/keeper.h"
#include "core/monitor.h"
#include "ssh/handoff.h"
#include "ssh/login.h"

extern char **environ;

/* Opens the session of the role whose key was shown. The key and what the role says are of one
 * state of its folder: else both are read again. Returns NULL, or why nothing may run. */
static const char *open_role_session(struct ssh_connection *c, struct monitor *m) {
    static struct role_session s; /* large */
    struct authorized_keys *keys = &c->setup.keys;
    const char *directory = settings_text(&c->settings, SETTING_ROLES_DIR);
    char text[SSH_KEY_TEXT + 1];
    snprintf(text, sizeof text, "%s", c->key->text);
    m->session = &s.session;
    for (int i = 0; i < LIMIT_ROLE_READS; i++) {
        session_open_role(&s, &c->settings, environ, c->key->role->name);
        if (roles_is_unchanged(directory, c->key->role))
            return s.session.unusable;
        authorized_keys_read(keys, &c->settings);
        authorized_keys_judge(keys, c->peer, time(NULL));
        c->key = authorized_keys_find(keys, text);
        if (c->key == NULL || c->key->role == NULL)
            return "the key has lost its role since the connection began";
        m->no_terminal = c->key->no_pty;
        snprintf(m->user, sizeof m->user, "%s", c->key->identity);
    }
    return "the folder of its role changes while it is read";
}

static const char *open_session(struct ssh_connection *c, struct monitor *m) {
    static struct session s; /* large */
    if (c->key->role != NULL)
        return open_role_session(c, m);
    m->session = &s;
    return session_open(&s, &c->settings, environ) == 0 ? NULL : s.error;
}

/* The monitor's process. The connection and tinysshd are its parent's alone. */
__attribute__((noreturn)) static void run_monitor(struct ssh_connection *c) {
    static struct monitor m; /* large */
    int null = fd_open("/dev/null", O_RDWR);
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
    m.channel = "ssh";
    m.peer = c->peer;
    snprintf(m.user, sizeof m.user, "%s", c->key->identity);
    snprintf(m.run, sizeof m.run, "%s", c->run);
    m.no_terminal = c->key->no_pty;
    m.front.fd = c->link;
    const char *error = open_session(c, &m);
    if (error != NULL)
        connection_audit(c, "fault", NULL, error);
    m.ready.ready.usable = error == NULL;
    pages_release_stack();
    monitor_serve(&m);
    keeper_await_all();
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
        c->monitor = fork_single();
        if (c->monitor == 0)
            run_monitor(c);
        if (c->monitor == -1)
            connection_audit(c, "fault", NULL, "there can be no process for the session");
    }
    /* The entry goes first: tinysshd has a copy of the descriptor (epoll(7)). */
    epoll_ctl(c->poll, EPOLL_CTL_DEL, c->link, NULL);
    fd_close(&c->link);
}
