#include "ssh/ssh.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/peer.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "core/listed.h"
#include "ssh/ssh_connection.h"
#include "ssh/daemon.h"
#include "ssh/login.h"
#include "ssh/shell_link.h"

extern char **environ;

/* Whether nothing is left to do: a command that outlives its client keeps its monitor. */
static bool is_done(const struct ssh_connection *c) { return c->ended && c->monitor <= 0; }

static void serve_ssh_connection(struct ssh_connection *c) {
    bool released = false;
    while (!is_done(c)) {
        if (c->monitor > 0 && !released) { /* the session runs: what follows is waiting */
            pages_release_stack();
            released = true;
        }
        struct epoll_event events[8];
        int n = epoll_wait(c->poll, events, 8, -1);
        for (int i = 0; i < n; i++) {
            switch ((enum connection_event)events[i].data.u32) {
            case CONNECTION_SOCKET: daemon_quick_acknowledge(); break;
            case CONNECTION_LOG: login_read_log(c); break;
            case CONNECTION_LINK: shell_link_read(c); break;
            case CONNECTION_SIGNAL: daemon_take_signal(c); break;
            }
        }
    }
}

/* What takes no client. Returns NULL, or the error. */
static const char *prepare(struct ssh_connection *c) {
    struct settings_places places = {environ, settings_directories};
    const char *error = settings_start(&c->settings, &places, NEED_RUN | NEED_SSH | NEED_ACCOUNT);
    return error != NULL ? error : setup_find(&c->setup, &c->settings);
}

/* Does that ahead of time, and waits for the connection, to which process 1 gives a process of its
 * own where anything of what was read has changed until then. The host's key and the list of keys
 * are read when there is a client. False when there will be none, or could be none. */
static bool await_connection(struct ssh_connection *c) {
    struct init_link_connection connection = {.fd = -1};
    if (prepare(c) != NULL || daemon_prepare(c) != NULL || !init_link_await(&connection, c->go)
        || dup2(connection.fd, 0) == -1 || dup2(connection.fd, 1) == -1)
        return false;
    close(connection.fd);
    listed_confirm();
    ucspi_peer(c->peer, connection.variables, 0);
    return true;
}

/* Serves the connection from its beginning. Returns NULL, or the error. */
static const char *start_connection(struct ssh_connection *c) {
    c->started = clock_now();
    session_new_run(c->run);
    if (!init_link_is_there())
        peer_no_delay(0);
    /* A client whose network is gone must not keep its command until tinysshd's hour is over. */
    peer_probe(0, LIMIT_PROBE_IDLE_S, LIMIT_PROBE_S, LIMIT_PROBES);
    const char *error = c->tinysshd == 0 ? prepare(c) : NULL;
    if (error == NULL)
        error = setup_prepare(&c->setup, &c->settings, c->peer);
    return error != NULL ? error : daemon_start(c);
}

static int only_prepare(struct ssh_connection *c) {
    const char *error = prepare(c);
    if (error == NULL)
        error = setup_prepare(&c->setup, &c->settings, NULL);
    return error == NULL ? 0 : log_no_start("ssh", error);
}

int ssh_main(int argc, char **argv) {
    /* Static since it is large; zero, and set below, since else it would stand in the
     * executable. */
    static struct ssh_connection c;
    bool has_client = argc != 2 || strcmp(argv[1], "--prepare") != 0;
    if (argc > 1 && has_client) {
        fputs("usage: bastion ssh [--prepare]\n", stderr);
        return 64;
    }
    init_link_open(environ, false);
    if (fd_only_standard() == -1)
        return 71;
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    c.log = c.link = c.input = c.signals = c.poll = c.go = -1;
    if (!has_client)
        return only_prepare(&c);
    if (!init_link_is_spare())
        ucspi_peer(c.peer, environ, 0);
    else if (!await_connection(&c))
        return 71;
    const char *error = start_connection(&c);
    if (error != NULL) {
        audit_error("ssh", c.peer, error);
        return 78;
    }
    log_target.standard_error = log_look();
    daemon_quick_acknowledge();
    serve_ssh_connection(&c);
    return 0;
}
