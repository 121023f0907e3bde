/* x509.h: a certificate for a server's own P-256 key (RFC 5280), as bytes to be signed and then as
 * a whole. Pure. */
#ifndef WIRE_X509_H
#define WIRE_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    X509_SERIAL = 16, /* bytes of a serial number */
    X509_POINT = 65,  /* of a public key: 4, then the two coordinates */
    X509_NAME = 253,  /* of a name in the DNS */
    X509_NAMES = 64
};

/* Dates are seconds since 1970, until 9999. */
struct x509 {
    /* of hosts, one with *. before it too, or addresses; the first is the subject */
    const char *const *names;
    size_t count;
    int64_t not_before, not_after;
    unsigned char serial[X509_SERIAL];
    unsigned char point[X509_POINT];
};

/* Whether it is a name or an address that a certificate can be for. */
bool x509_is_name(const char *name);

/* Writes the name's entry among the subject's alternative names: its bytes stand like this in every
 * certificate that is for it. Returns their count. */
size_t x509_name_entry(unsigned char out[X509_NAME + 4], const char *name);

/* Whether the certificate (n bytes of DER, which somebody has found to be in order) may be a
 * client's in TLS: it does not say what for, or names that among its purposes (RFC 5280,
 * section 4.2.1.12). */
bool x509_is_for_clients(const unsigned char *der, size_t n);

/* Writes the public key as it stands in a certificate: what pins are made of. `out` is filled
 * wholly. */
enum { X509_PUBLIC_KEY = 91 };
void x509_public_key(unsigned char out[X509_PUBLIC_KEY], const unsigned char point[X509_POINT]);

/* Writes the bytes that are signed (with ECDSA and SHA-256) to the end of `out`, and says where
 * they start. Returns their count, or 0 when they don't fit. */
size_t x509_signed_part(unsigned char *out, size_t cap, const struct x509 *x,
                        const unsigned char **start);

/* Writes the whole certificate, the same way: the signed part (which may stand in `out`) and its
 * signature in ASN.1's form. */
size_t x509_whole(unsigned char *out, size_t cap, const unsigned char *part, size_t n,
                  const unsigned char *signature, size_t signature_n, const unsigned char **start);

#endif
