/* listen.h: a port that clients connect to. It is opened, opened again after a while where that
 * failed or where it broke, and kept from other programs at the end. */
#ifndef INIT_LISTEN_H
#define INIT_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/rate.h"

struct connection_limits;

struct listener {
    const char *channel;     /* http, https, ssh: for the log and for `bastion health` */
    const char *const *argv; /* what serves a connection */
    const char *refusal;     /* what a client gets that is one too many, or NULL */
    const struct connection_limits *limits;
    const char *proxies; /* TRUSTED_PROXIES, or NULL */
    bool has_header;     /* what serves a connection begins with `bastion proxy` */
    bool is_nonblocking; /* it wants the socket so */
    int64_t unknown_ms;  /* for a connection to show a right credential (unknown.h) */
    int64_t refused_ms;  /* more of that where a request was refused */
    unsigned port;
    int fd;              /* -1 while it does not listen */
    int64_t retry;       /* when to open it again then */
    int64_t pause;       /* milliseconds between the last two tries */
    int64_t next_note;   /* the next line of the log on a refused client not before (refusal.h) */
    uint64_t left_out;   /* refused clients since the last such line */
    struct rate denials; /* lines on refused requests, of all its connections (links.h) */
};

/* Opens the port at `address` (text), or at every address, of IPv6 and of IPv4, where that is NULL.
 * A failure goes to the log, and is to be tried again at l->retry. */
void listen_open(struct listener *l, const char *address, int64_t now);

/* Closes a port that `error` (errno of `what`) has broken. That goes to the log, and listen_open is
 * to be called again at l->retry. */
void listen_fail(struct listener *l, const char *what, int error, int64_t now);

/* Refuses clients from now on, for good. The port stays this process's until its end, so that no
 * command that is still running can take the port and be given the clients' credentials. */
void listen_refuse(struct listener *l);

enum listen_result {
    LISTEN_CONNECTION, /* *fd and *peer */
    LISTEN_NOTHING,    /* nobody is waiting */
    LISTEN_SHORT,      /* of memory or descriptors: errno; the client still waits */
    LISTEN_BROKEN      /* errno */
};
enum listen_result listen_accept(const struct listener *l, int *fd, struct sockaddr_storage *peer);

#endif
