/* authorized.h: a line of an authorized_keys file (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"):
 * options, key type, key, comment. Pure: bytes in, values out. */
#ifndef WIRE_AUTHORIZED_H
#define WIRE_AUTHORIZED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/slice.h"

/* An ed25519 public key as SSH writes it (RFC 8709, section 4): two strings, "ssh-ed25519" and 32
 * bytes. */
enum { SSH_KEY_BLOB = 51, SSH_KEY_TEXT = 68, SSH_KEY_HEAD = 19 };
extern const unsigned char ssh_key_head[SSH_KEY_HEAD]; /* what stands before the 32 bytes */

/* When a key ends (wire/date.h, date_read_compact). */
struct authorized_expiry {
    int64_t seconds;
    bool local; /* by the machine's local time */
};
enum { AUTHORIZED_EXPIRIES = 4 };

struct authorized {
    /* nothing: an empty line or a comment */
    enum { AUTHORIZED_NOTHING, AUTHORIZED_KEY, AUTHORIZED_UNUSABLE } kind;
    struct slice type; /* the key's type as it stands there; empty where there is none */
    /* of AUTHORIZED_KEY its SSH_KEY_TEXT characters of base64; else what stands behind the type */
    struct slice key;
    struct slice comment; /* without white space around it; may be empty */
    bool no_pty;          /* no-pty, or restrict without pty */
    /* of from="...": addresses, networks and patterns (wire/from.h); empty: everywhere */
    struct slice from;
    size_t expiries; /* how many expiry-time="..." there are: the earliest of these ends it */
    struct authorized_expiry expiry[AUTHORIZED_EXPIRIES];
    const char *reason; /* why it is unusable */
};

/* Reads a line without its newline (a carriage return at its end does not count). Of the options,
 * those that take away what nobody has here are dropped: no-port-forwarding, no-agent-forwarding,
 * no-X11-forwarding, no-user-rc. from="..." and expiry-time="..." are limits, read and not judged.
 * A line with an option that is not obeyed here is unusable: to drop a limit would grant more than
 * was meant. */
void authorized_read(struct authorized *a, struct slice line);

/* What stands in a file instead of lines of keys, by the first bytes of it (as many as are at
 * hand), or NULL where it may be a file of keys. Files of other programs, pages saved by mistake
 * and texts in UTF-16 would else be a line of complaint for each of their own. */
const char *authorized_foreign(struct slice text);

/* Whether the file holds a secret: half of a key pair that belongs nowhere but with its owner. */
bool authorized_is_private(struct slice text);

#endif
