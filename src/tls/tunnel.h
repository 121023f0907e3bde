/* tunnel.h: the TLS connection between a client and a program: records on one side, clear text on
 * the other. */
#ifndef TLS_TUNNEL_H
#define TLS_TUNNEL_H

#include <bearssl_ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/peer.h"

/* Descriptions of alerts (RFC 5246, section 7.2), as far as they are sent here by name. */
enum { ALERT_CLOSE = 0, ALERT_UNEXPECTED = 10, ALERT_BAD_CERTIFICATE = 42, ALERT_INTERNAL = 80 };

struct tunnel {
    br_ssl_engine_context *engine;
    int in, out; /* the client's, not blocking */
    /* a stream socket whose other end is the program's, not blocking; -1 once it is closed */
    int program;
    bool gone;           /* nobody is there any more, or nothing that can be believed */
    bool frontend_ended; /* the client said that it sends nothing more */
    bool program_ended;  /* nor does the program */
    bool input_ended;    /* the program has been told */
    bool cut;            /* a record is out in part: no other can follow */
    /* the client's is a TCP socket; more records follow at once; the kernel waits for them */
    bool tcp, more, held;
    unsigned char alert_level; /* of an alert that has come in half */
    struct peer_stall stall;   /* whether the client takes what it is sent */
};

/* For `engine`, ready to begin. */
void tunnel_start(struct tunnel *t, br_ssl_engine_context *engine, int in, int out);

enum tunnel_hello {
    HELLO_TLS,     /* the handshake is through */
    HELLO_HTTP,    /* a request in clear text, of which the method was read */
    HELLO_PROXY,   /* a header of the PROXY protocol */
    HELLO_STRANGE, /* something else */
    /* tunnel_why says how, or nothing when the client just went away or was too slow */
    HELLO_FAILED,
};
/* Shakes hands until the deadline. */
enum tunnel_hello tunnel_shake_hands(struct tunnel *t, int64_t deadline);

/* Goes on passing what the client sends, after the program's output has ended, as long as the
 * program is there to read it: it knows better how much of a request is to come. */
void tunnel_pass_rest(struct tunnel *t);

/* Why the engine ended, for the log, or NULL for no reason worth a line; good until the next
 * call. */
const char *tunnel_why(const struct tunnel *t);

/* Carries both directions until the program's output has ended (true), or the client is gone or
 * what it sends can't be believed (false; tunnel_why says which, and it has had its alert). */
bool tunnel_carry(struct tunnel *t, int program);

/* Whether the program says by shutdown(2) that its output is whole, rather than having let its end
 * go. */
bool tunnel_program_is_there(const struct tunnel *t);

/* Sends an alert, by the keys in use, if that can be done at all. */
void tunnel_alert(struct tunnel *t, int description);
/* The alert that belongs to the engine's own failure, if it has sent none. */
void tunnel_alert_failure(struct tunnel *t);

/* Closes the client's connection in two steps, so that what was sent arrives. */
void tunnel_close(struct tunnel *t);

#endif
