/* opening.h: what a connection begins with that is no HTTP: told apart by its first bytes, so that
 * it can be named. Pure. */
#ifndef WIRE_OPENING_H
#define WIRE_OPENING_H

#include <stddef.h>

enum opening {
    OPENING_HTTP,  /* or nothing that is known here */
    OPENING_TLS,   /* a handshake record (RFC 8446, section 5.1) */
    OPENING_PROXY, /* a header of the PROXY protocol, version 1 or 2 */
    OPENING_SSH    /* an identification string (RFC 4253, section 4.2) */
};

/* What the n bytes that came first are. As long as they could be something else, they are
 * OPENING_HTTP. */
enum opening opening_of(const char *at, size_t n);

/* The protocol of a client that speaks first, for who has to choose one. */
enum opening_choice {
    OPENING_OPEN, /* more bytes will tell */
    OPENING_IS_SSH,
    OPENING_IS_TLS,
    OPENING_IS_HTTP, /* a method in capitals and a space (RFC 9112, section 3) */
    OPENING_IS_PROXY,
    OPENING_IS_NONE
};
enum { OPENING_BYTES = 32 }; /* so many always tell */
enum opening_choice opening_choose(const char *at, size_t n);

#endif
