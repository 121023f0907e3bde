/* sha256.h: SHA-256 (FIPS 180-4) of bytes that are at hand. */
#ifndef WIRE_SHA256_H
#define WIRE_SHA256_H

#include <stddef.h>

#include "wire/slice.h"

enum { SHA256_SIZE = 32 };

/* Nothing of the bytes is left behind in memory: they may be a secret. */
void sha256(unsigned char out[SHA256_SIZE], const void *bytes, size_t n);

/* The hash of two pieces as if they were one. */
void sha256_pair(unsigned char out[SHA256_SIZE], struct slice first, struct slice second);

#endif
