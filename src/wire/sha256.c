#include "wire/sha256.h"

#include <bearssl_hash.h>

void sha256_pair(unsigned char out[SHA256_SIZE], struct slice first, struct slice second) {
    br_sha256_context sha;
    br_sha256_init(&sha);
    br_sha256_update(&sha, first.at, first.n);
    br_sha256_update(&sha, second.at, second.n);
    br_sha256_out(&sha, out);
    explicit_bzero(&sha, sizeof sha);
}

void sha256(unsigned char out[SHA256_SIZE], const void *bytes, size_t n) {
    sha256_pair(out, (struct slice){bytes, n}, (struct slice){"", 0});
}
