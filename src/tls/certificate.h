/* certificate.h: a server's private key and the chain of its certificates, out of two PEM files. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include <bearssl_x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/settings.h"
#include "limit.h"
#include "tls/pem.h"

/* Where the two files are. */
struct certificate_paths {
    char chain[LIMIT_PATH + 16], key[LIMIT_PATH + 16];
};

/* Takes them from the settings: TLS_CERT and TLS_KEY, or with TLS=self-signed those in SSH_KEYS.
 * False when none of these is set. */
bool certificate_paths(struct certificate_paths *p, const struct settings *s);

struct certificate {
    /* the server's own first; their bytes are in `der` */
    br_x509_certificate chain[LIMIT_TLS_CERTIFICATES];
    size_t count, used;
    int64_t not_before, not_after; /* of the first, seconds since 1970 */
    br_x509_pkey public;           /* of the first; its bytes are in `decoder` */
    br_x509_decoder_context decoder;
    br_skey_decoder_context key; /* what certificate_wipe wipes */
    char error[PEM_ERROR];       /* the last error that one of the functions below has returned */
    unsigned char der[LIMIT_TLS_CHAIN];
};

/* Reads both files and checks that they belong together and can be used: RSA of 2048 to 4096 bits,
 * or P-256, P-384, P-521. A pair that does not match is read a second time after a moment: somebody
 * may just be replacing it. Returns NULL, or the error with the file's name, which is c->error;
 * then nothing else in `c` is to be used. */
const char *certificate_read(struct certificate *c, const char *chain_path, const char *key_path);

/* The two halves of it, for a caller that needs only one of them. */
const char *certificate_read_chain(struct certificate *c, const char *path);
const char *certificate_read_key(struct certificate *c, const char *path);

/* Writes what is wrong with using it at that time (expired, not valid yet) into `text` and returns
 * it, or NULL. */
enum { CERTIFICATE_AGE = 64 };
const char *certificate_age(char text[CERTIFICATE_AGE], const struct certificate *c, int64_t now);

/* Wipes the private key. */
void certificate_wipe(struct certificate *c);

/* Reads one certificate of n bytes into `decoder`; `append_name` (or NULL) gets its subject, in
 * pieces. Returns NULL, or why it can't be used. */
const char *certificate_decode(br_x509_decoder_context *decoder, const unsigned char *der, size_t n,
                               void (*append_name)(void *context, const void *bytes, size_t n),
                               void *context);

#endif
