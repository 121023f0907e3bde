/* certificate.h: a server's private key and the chain of its certificates, out of two PEM files. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include <bearssl_x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/settings.h"
#include "limit.h"

/* Where the settings say that they are: TLS_CERT and TLS_KEY, or with TLS=self-signed those in
 * SSH_KEYS. False when nowhere; else the paths are good until the next call. */
bool certificate_places(const struct settings *s, const char **chain, const char **key);

struct certificate {
    /* the server's own first; their bytes are in `der` */
    br_x509_certificate chain[LIMIT_TLS_CERTIFICATES];
    size_t count, used;
    int64_t not_before, not_after; /* of the first, seconds since 1970 */
    br_x509_pkey public;           /* of the first; its bytes are in `decoder` */
    br_x509_decoder_context decoder;
    br_skey_decoder_context key; /* what certificate_wipe wipes */
    unsigned char der[LIMIT_TLS_CHAIN];
};

/* Reads both files and checks that they belong together and can be used: RSA of 2048 to 4096 bits,
 * or P-256, P-384, P-521. A pair that does not match is read a second time after a moment: somebody
 * may just be replacing it. Returns NULL, or the error with the file's name, good until the next
 * call; then nothing in `c` is to be used. */
const char *certificate_read(struct certificate *c, const char *chain_path, const char *key_path);

/* The two halves of it, for one that has only one of them. */
const char *certificate_read_chain(struct certificate *c, const char *path);
const char *certificate_read_key(struct certificate *c, const char *path);

/* What is wrong with using it at that time (expired, not valid yet), or NULL; good until the next
 * call. */
const char *certificate_age(const struct certificate *c, int64_t now);

/* Wipes the private key. */
void certificate_wipe(struct certificate *c);

/* Reads one certificate. Returns NULL, or why it can't be used. */
const char *certificate_decode(br_x509_decoder_context *decoder, const unsigned char *der, size_t n,
                               void (*append_name)(void *context, const void *bytes, size_t n),
                               void *context);

#endif
