/* hmac.h: HMAC-SHA256 (RFC 2104) of bytes that come in pieces. */
#ifndef WIRE_HMAC_H
#define WIRE_HMAC_H

#include <bearssl_hmac.h>
#include <stddef.h>

#include "wire/sha256.h"

struct hmac_key {
    br_hmac_key_context context; /* the key's bytes themselves are not kept */
};
struct hmac {
    br_hmac_context context;
};

void hmac_key(struct hmac_key *key, const void *bytes, size_t n);

void hmac_start(struct hmac *h, const struct hmac_key *key);
void hmac_bytes(struct hmac *h, const void *bytes, size_t n);
void hmac_end(const struct hmac *h, unsigned char out[SHA256_SIZE]);

#endif
