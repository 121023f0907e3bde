/* client_cert.h: who may connect, by certificate: TLS_CLIENT_CA. */
#ifndef TLS_CLIENT_CERT_H
#define TLS_CLIENT_CERT_H

#include <bearssl_ssl.h>
#include <stdbool.h>

#include "limit.h"
#include "tls/pem.h"

struct client_cert {
    const br_x509_class *vtable; /* first: what br_ssl_engine_set_x509 takes */
    br_x509_trust_anchor anchor[LIMIT_TLS_CLIENT_CAS];
    size_t count, used; /* of `anchor`; of `bytes` */
    bool full;          /* `bytes` has no room for more */
    br_x509_decoder_context decoder;
    br_x509_minimal_context check;
    size_t depth;     /* certificates that the client has sent */
    unsigned refused; /* an error of BearSSL's, or 0 */
    br_name_element name_element;
    char name[LIMIT_USER];                /* the common name of who has connected */
    unsigned char bytes[LIMIT_TLS_CHAIN]; /* the anchors' names and keys */
    char error[PEM_ERROR];
    size_t client_n;
    unsigned char client[LIMIT_TLS_CLIENT]; /* the client's own certificate */
};

/* Reads a PEM file: certificates of authorities, or of single clients, which are then taken as they
 * are. Returns NULL, or the error with the file's name, which is c->error. */
const char *client_cert_read(struct client_cert *c, const char *path);

/* Makes a client certificate that one of them signed, and that may be a client's, a condition of
 * the handshake. */
void client_cert_require(struct client_cert *c, br_ssl_server_context *server);

/* After the handshake: the client's common name, or NULL when it has none that can stand in a log
 * and an environment. */
const char *client_cert_name(const struct client_cert *c);

#endif
