/* listen.h: a port that clients connect to: opened, opened again after a while when that failed or
 * it broke, and kept from others at the end. */
#ifndef INIT_LISTEN_H
#define INIT_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct listener {
    const char *channel;     /* http, https, ssh: for the log and for `bastion health` */
    const char *const *argv; /* what serves a connection */
    const char *refusal;     /* what a client gets that is one too many, or NULL */
    unsigned port;
    int fd;            /* -1 while it does not listen */
    int64_t retry;     /* then: when to try again */
    int64_t pause;     /* milliseconds until the try after that */
    int64_t next_note; /* refusals: the next line of the log not before this time */
    uint64_t left_out; /* and how many have had none */
};

/* Opens it, at `address` (text) or at every address, of IPv6 and of IPv4. A failure goes to the
 * log, and is tried again at l->retry. */
void listen_open(struct listener *l, const char *address, int64_t now);

/* It has broken: closes it. A line in the log, and listen_open again at l->retry. */
void listen_fail(struct listener *l, const char *what, int error, int64_t now);

/* The end: clients are refused from now on, but the port stays this process's until it is gone, so
 * that nothing that is left running can take the port and be given the clients' credentials. It is
 * not opened again. */
void listen_refuse(struct listener *l);

enum listen_result {
    LISTEN_CONNECTION, /* *fd and *peer */
    LISTEN_NOTHING,    /* nobody is waiting */
    LISTEN_SHORT,      /* of memory or descriptors: errno; the client still waits */
    LISTEN_BROKEN      /* errno */
};
enum listen_result listen_accept(const struct listener *l, int *fd, struct sockaddr_storage *peer);

#endif
