/* ed25519.h: whether the two halves of an ed25519 secret belong together (RFC 8032, section
 * 5.1.5). */
#ifndef SSH_ED25519_H
#define SSH_ED25519_H

#include <stdbool.h>

#include "wire/openssh_key.h"

/* True when the public key in the second half is, but perhaps for its sign, the one of the seed in
 * the first half. Not meant for a secret that somebody could watch being used: the time it takes
 * says something about it. */
bool ed25519_belongs(const unsigned char secret[ED25519_SECRET]);

#endif
