/* profile.h: the one kind of TLS that is spoken here: version 1.2; ephemeral keys on X25519 or
 * P-256; ChaCha20-Poly1305 and AES-GCM; signatures by ECDSA or RSA with SHA-256 and larger; no
 * renegotiation. Nothing else is compiled in. */
#ifndef TLS_PROFILE_H
#define TLS_PROFILE_H

#include <bearssl_ssl.h>
#include <stdbool.h>

#include "tls/certificate.h"

/* Prepares a server for one connection with that certificate, which it goes on using. Client
 * certificates and a session cache can be set then, before profile_start. */
void profile_set(br_ssl_server_context *s, const struct certificate *c);

/* Lets it wait for the client. All that is random in the connection follows from `seed`, which is
 * wiped, since the library's own source may be the processor's alone, or there may be none. False:
 * it can't be started. */
enum { PROFILE_SEED = 32 };
bool profile_start(br_ssl_server_context *s, unsigned char buffer[BR_SSL_BUFSIZE_BIDI],
                   unsigned char seed[PROFILE_SEED]);

/* OpenSSL's name of a cipher suite, or NULL. */
const char *profile_suite(unsigned suite);

#endif
