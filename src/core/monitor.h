/* monitor.h: the process of a connection that decides. It was started by whoever accepted the
 * connection, as root where that is root, and answers the front (core/message.h), of which it
 * believes no more than of the network: it compares credentials itself, and a message that is out
 * of bounds or out of turn ends the connection. */
#ifndef CORE_MONITOR_H
#define CORE_MONITOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/hook.h"
#include "core/session.h"

struct monitor {
    struct session *session;
    const char *channel;     /* as in struct request */
    const char *peer;        /* of the connection */
    char client[LIMIT_PEER]; /* of the request at hand: the peer, or whom it speaks for */
    /* TRUSTED_PROXIES, where the peer is one of them: its word on that counts; else NULL */
    const char *proxies;
    char user[LIMIT_USER]; /* who has logged in */
    /* Judges a credential, and fills in `user`. Returns NULL when it is right, else why not, for
     * the log. NULL where who it is is known, and one RUN may come: of a login shell, which alone
     * can have a terminal, separate streams, and variables for the command. */
    const char *(*login)(struct monitor *m, struct slice credential);
    /* Logs that the front, or `login` (then `failed_login`), refused a request. NULL where neither
     * ever does. */
    void (*refused)(struct monitor *m, int status, const char *reason, bool failed_login);
    struct hook *hook; /* where deliveries of webhooks may come; NULL where none may */
    /* Has the secrets of a role (or with an empty name of none) in `hook`, and its session at
     * hand. */
    void (*hook_role)(struct monitor *m, const char *role);
    void *context;        /* the caller's, for these two */
    struct message ready; /* what the front is told first, with this text */
    const char *ready_text;
    int connection; /* what that hands over to a front which does not have it yet; else 0 */
    char run[SESSION_RUN_ID]; /* of the next run, where its name is known before; or empty */
    bool no_terminal;         /* this credential may have none */
    struct front_link front;
    struct received in; /* the message at hand */
};

/* Serves the front until it is gone. m->front.fd is its socket. False where it is not gone but has
 * to: it has said what it may not, or nothing that was right for too long. */
bool monitor_serve(struct monitor *m);

/* Whether a client may give the command this variable, NAME=VALUE: TERM, LANG and LC_* with values
 * that can be neither a path nor anything that a program would take apart. */
bool monitor_passes_variable(const char *variable);

#endif
