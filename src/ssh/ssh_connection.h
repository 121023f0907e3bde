/* ssh_connection.h: the state of one SSH connection, as `bastion ssh` follows it from tinysshd's
 * start to its end: ssh.c prepares it and waits for events, daemon.c has tinysshd's process,
 * login.c who has logged in, and shell_link.c the login shell. */
#ifndef SSH_SSH_CONNECTION_H
#define SSH_SSH_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/session.h"
#include "core/settings.h"
#include "limit.h"
#include "ssh/setup.h"

enum { DAEMON_PLACES = 4 };

struct ssh_connection {
    struct settings settings;
    struct setup setup; /* account, keys, the lock's file */
    char peer[LIMIT_PEER], run[SESSION_RUN_ID];
    int64_t started;
    int poll, signals; /* epoll(7), signalfd(2) */
    char error[LIMIT_PATH + 128];

    /* daemon.c */
    pid_t tinysshd;                   /* 0: its process is not there yet */
    int go;                           /* where that waits for what it is to serve */
    struct stat place[DAEMON_PLACES]; /* what it was confined to */
    bool traced;                      /* ptrace(2) holds what tinysshd starts */
    bool ended;                       /* tinysshd has */

    /* login.c */
    int log;                               /* tinysshd's, a pipe; -1 after its end */
    char line[LIMIT_LOG_LINE];             /* of that log, as far as it has come */
    size_t line_n;                         /* bytes of it */
    bool line_too_long;                    /* nothing of it counts */
    char complaint[LIMIT_TROUBLE];         /* tinysshd's last one that says something, */
    bool complaint_is_general;             /* or one that says little, for lack of another */
    char refused_keys[LIMIT_REFUSED_KEYS]; /* those that a client showed in vain */
    bool request_denied;                   /* tinysshd denied a request of the session */
    const struct key *key;                 /* who has logged in, or NULL */
    bool no_account;                       /* the account that the client named does not exist */
    bool login_unknown;                    /* tinysshd let in whom our list of keys has not */

    /* shell_link.c */
    int link;        /* to the login shell; -1 once it has spoken */
    int input;       /* the shell's standard input (handoff_take), or -1 */
    bool shell_told; /* it has been let in */
    pid_t monitor;   /* the process that serves it; 0 or -1: none */
};

/* What epoll(7) reports an event of. */
enum connection_event {
    CONNECTION_SOCKET, /* the client's */
    CONNECTION_LOG,
    CONNECTION_LINK,
    CONNECTION_SIGNAL
};

/* Has events of `fd` (EPOLLIN, ...) reported as `what`. */
void connection_watch(const struct ssh_connection *c, int fd, enum connection_event what,
                      unsigned events);

/* Writes a line of the log with what is known of the connection; `verdict` and `reason` may be
 * NULL. */
void connection_audit(const struct ssh_connection *c, const char *event, const char *verdict,
                      const char *reason);

#endif
