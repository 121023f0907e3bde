/* tunnel.h: the TLS connection between a client and a program: records on one side, clear text on
 * the other. */
#ifndef TLS_TUNNEL_H
#define TLS_TUNNEL_H

#include <bearssl_ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/peer.h"
#include "tls/alert.h"

struct tunnel {
    br_ssl_engine_context *engine;
    int in, out; /* the client's, not blocking */
    /* a stream socket whose other end is the program's, not blocking; -1 once it is closed */
    int program;
    bool gone;          /* the client is not there any more, or sends what can't be believed */
    bool client_ended;  /* it has said that it sends nothing more */
    bool program_ended; /* the program sends nothing more */
    bool input_ended; /* the program knows that nothing more comes from the client, or reads none */
    bool cut;         /* a record is out in part: no other can follow */
    bool tcp;         /* `out` is a TCP socket */
    bool more;        /* another record follows at once */
    bool held; /* the kernel holds back what it was given last, to send it with the next record */
    unsigned char alert_level; /* of an alert of whose two bytes one has come; else 0 */
    /* what the engine itself does with what is no application data (see tunnel_alert.c) */
    void (*run_handshake)(void *);
    struct peer_stall stall; /* whether the client takes what it is sent */
};

/* Sets up the tunnel of an engine that is ready to begin. */
void tunnel_start(struct tunnel *t, br_ssl_engine_context *engine, int in, int out);

/* Takes the alerts of the client from now on, in place of the engine: once the handshake is done.
 */
void tunnel_watch_alerts(struct tunnel *t);

enum tunnel_hello {
    HELLO_TLS,     /* the handshake is done */
    HELLO_HTTP,    /* a request in clear text, of which the method was read */
    HELLO_PROXY,   /* a header of the PROXY protocol */
    HELLO_STRANGE, /* something else */
    /* none of these; tunnel_why says why, or NULL when the client went away or was too slow */
    HELLO_FAILED,
};
/* Reads what the client begins with and, where that is TLS, does the handshake. */
enum tunnel_hello tunnel_shake_hands(struct tunnel *t, int64_t deadline);

/* Goes on passing what the client sends, after the program's output has ended, as long as the
 * program is there to read it: it knows better how much of a request is to come. */
void tunnel_pass_rest(struct tunnel *t);

/* Writes why the engine ended, for the log, into `text` and returns it; NULL for no reason worth a
 * line. */
const char *tunnel_why(char text[ALERT_TEXT], const struct tunnel *t);

/* Carries both directions until the program's output has ended (true), or the client is gone or
 * what it sends can't be believed (false; tunnel_why says which, and it has had its alert). */
bool tunnel_carry(struct tunnel *t, int program);

/* After the program's output has ended: whether it ended it by shutdown(2), which says that the
 * output is whole, and still holds its end of the socket. */
bool tunnel_program_is_there(const struct tunnel *t);

/* Sends an alert, by the keys in use, if that can be done at all. */
void tunnel_alert(struct tunnel *t, int description);
/* The alert that belongs to the engine's own failure, if it has sent none. */
void tunnel_alert_failure(struct tunnel *t);

/* Closes the client's connection in two steps, so that what was sent arrives: no more is sent, and
 * then what the client still sends is read and dropped (base/peer.h). */
void tunnel_close(struct tunnel *t);

#endif
