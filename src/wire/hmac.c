#include "wire/hmac.h"

void hmac_key(struct hmac_key *key, const void *bytes, size_t n) {
    br_hmac_key_init(&key->context, &br_sha256_vtable, bytes, n);
}

void hmac_start(struct hmac *h, const struct hmac_key *key) {
    br_hmac_init(&h->context, &key->context, 0);
}

void hmac_bytes(struct hmac *h, const void *bytes, size_t n) {
    br_hmac_update(&h->context, bytes, n);
}

void hmac_end(const struct hmac *h, unsigned char out[SHA256_SIZE]) {
    br_hmac_out(&h->context, out);
}
