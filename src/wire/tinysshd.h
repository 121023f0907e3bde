/* tinysshd.h: the lines that `tinysshd -v` writes to its standard error. Pure: bytes in, values
 * out. */
#ifndef WIRE_TINYSSHD_H
#define WIRE_TINYSSHD_H

#include "wire/slice.h"

struct tinysshd_line {
    enum {
        TINYSSHD_NOTE,
        TINYSSHD_ACCEPTED, /* a login: `account` and `key`, the base64 of an ed25519 key */
        /* a key that was shown and not taken: `text`, its type and fingerprint */
        TINYSSHD_REJECTED,
        TINYSSHD_NOBODY,  /* there is no such account */
        TINYSSHD_DENIED,  /* a request of a session that can't be passed on: `text` */
        TINYSSHD_GENERAL, /* what ended it, in words that say less than an earlier line: `text` */
        TINYSSHD_TROUBLE  /* a warning or what ended it: `text` */
    } kind;
    struct slice account, key, text;
};

/* Reads a line without its newline: "tinysshd: SESSION: LEVEL: MESSAGE (ERROR){FILE:LINE}".
 *
 * What may be believed: before a login a client's words stand in the account that it names, in the
 * type of a key and in what it offers to negotiate. tinysshd (as vendor/patches mend it) lets no
 * control character of them through, so they stay on their line, and what a line says stands at its
 * ends, where they do not reach. Should one get through all the same, the end of the warning that
 * there is no such account would come behind it: whatever holds that is TINYSSHD_NOBODY, and an
 * acceptance is real if none follows. */
void tinysshd_read(struct tinysshd_line *l, struct slice line);

#endif
