/* tinysshd.h: the lines that `tinysshd -v` writes to its standard error. Pure: bytes in, values out. */
#ifndef WIRE_TINYSSHD_H
#define WIRE_TINYSSHD_H

#include "wire/slice.h"

struct tinysshd_line {
    enum {
        TINYSSHD_NOTE,
        TINYSSHD_ACCEPTED, /* a login: `account` and `key`, the base64 of an ed25519 key */
        TINYSSHD_TROUBLE   /* a warning or what ended it: `text` */
    } kind;
    struct slice account, key, text;
};

/* Reads a line without its newline: "tinysshd: SESSION: LEVEL: MESSAGE (ERROR){FILE:LINE}".
 *
 * What may be believed: a client's words stand in one message alone, a warning before any login that the account it named
 * does not exist; tinysshd lets a newline in them through. So a line may be forged, but never one that comes after the real
 * acceptance, which is the last of its kind. */
void tinysshd_read(struct tinysshd_line *l, struct slice line);

#endif
