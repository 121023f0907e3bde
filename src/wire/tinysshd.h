/* tinysshd.h: the lines that `tinysshd -v` writes to its standard error. Pure: bytes in, values out. */
#ifndef WIRE_TINYSSHD_H
#define WIRE_TINYSSHD_H

#include "wire/slice.h"

struct tinysshd_line {
    enum {
        TINYSSHD_NOTE,
        TINYSSHD_ACCEPTED, /* a login: `account` and `key`, the base64 of an ed25519 key */
        TINYSSHD_NOBODY,   /* there is no such account; or the end of that line, see below */
        TINYSSHD_TROUBLE   /* a warning or what ended it: `text` */
    } kind;
    struct slice account, key, text;
};

/* Reads a line without its newline: "tinysshd: SESSION: LEVEL: MESSAGE (ERROR){FILE:LINE}".
 *
 * What may be believed: a client's words stand in one message alone, the warning that the account it named does not exist,
 * and tinysshd lets a newline in them through. So a line may be forged; but then the warning's own end comes behind it. An
 * acceptance is real if no TINYSSHD_NOBODY follows. */
void tinysshd_read(struct tinysshd_line *l, struct slice line);

#endif
