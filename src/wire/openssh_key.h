/* openssh_key.h: a private key file as OpenSSH writes it (PROTOCOL.key of its sources), for one
 * unencrypted ed25519 key. Pure: bytes in, values out. */
#ifndef WIRE_OPENSSH_KEY_H
#define WIRE_OPENSSH_KEY_H

#include <stddef.h>

#include "base/buf.h"
#include "wire/slice.h"

enum {
    ED25519_SECRET = 64, /* RFC 8032: the seed, then the public key, 32 bytes each */
    OPENSSH_KEY_COMMENT = 128,
    OPENSSH_KEY_FILE = 1024 /* what openssh_key_write needs at most */
};

struct openssh_key {
    unsigned char secret[ED25519_SECRET];
    char comment[OPENSSH_KEY_COMMENT]; /* printable; may be empty */
};

/* Reads the text of such a file. Returns NULL, or why it can't be used. */
const char *openssh_key_read(struct openssh_key *k, struct slice text);

/* Puts the file's text into `b`. `check` is a random number, which the format wants twice. */
void openssh_key_write(struct buf *b, const struct openssh_key *k, unsigned check);

#endif
