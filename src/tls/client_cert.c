#include "tls/client_cert.h"

#include <stdio.h>
#include <string.h>

#include "tls/certificate.h"
#include "wire/utf8.h"
#include "wire/x509.h"

/* gcc's analyzer sees BearSSL's getters give NULL where their decoder has failed, but not that
 * certificate_decode has asked for that before. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-null-dereference"
#endif

/* Copies n bytes to where they stay, and returns that place; c->full where there is no room. */
static unsigned char *keep_bytes(struct client_cert *c, const void *bytes, size_t n) {
    unsigned char *at = c->bytes + c->used;
    c->full = c->full || n > sizeof c->bytes - c->used;
    if (!c->full) {
        memcpy(at, bytes, n);
        c->used += n;
    }
    return at;
}

static void append_name(void *context, const void *bytes, size_t n) {
    struct client_cert *c = context;
    br_x500_name *dn = &c->anchor[c->count].dn;
    unsigned char *at = keep_bytes(c, bytes, n);
    if (dn->len == 0)
        dn->data = at;
    dn->len += n; /* one piece: nothing else is kept meanwhile */
}

static const char *take_authority(void *context, const char *label, const unsigned char *bytes,
                                  size_t n) {
    struct client_cert *c = context;
    if (strcmp(label, "CERTIFICATE") != 0)
        return NULL;
    if (c->count == LIMIT_TLS_CLIENT_CAS)
        return "it has too many certificates";
    br_x509_trust_anchor *a = &c->anchor[c->count];
    *a = (br_x509_trust_anchor){.flags = 0};
    const char *error = certificate_decode(&c->decoder, bytes, n, append_name, c);
    if (error != NULL)
        return error;
    a->flags = br_x509_decoder_isCA(&c->decoder) ? BR_X509_TA_CA : 0;
    a->pkey = *br_x509_decoder_get_pkey(&c->decoder);
    if (a->pkey.key_type == BR_KEYTYPE_EC) {
        a->pkey.key.ec.q = keep_bytes(c, a->pkey.key.ec.q, a->pkey.key.ec.qlen);
    } else {
        a->pkey.key.rsa.n = keep_bytes(c, a->pkey.key.rsa.n, a->pkey.key.rsa.nlen);
        a->pkey.key.rsa.e = keep_bytes(c, a->pkey.key.rsa.e, a->pkey.key.rsa.elen);
    }
    if (c->full)
        return "its certificates are too large together";
    c->count++;
    return NULL;
}

const char *client_cert_read(struct client_cert *c, const char *path) {
    c->count = c->used = 0;
    c->full = false;
    const char *error = pem_each(c->error, path, take_authority, c);
    if (error != NULL || c->count > 0)
        return error;
    snprintf(c->error, sizeof c->error, "%s: there is no certificate in it", path);
    return c->error;
}

/* ---- the check ---- */

/* The check is BearSSL's own, with two things added that it does not look at: how long the chain is
 * (a client could have minutes of the processor's time for as many signatures as a message can
 * hold), and whether the certificate was made for clients. */

static struct client_cert *client_cert_of(const br_x509_class **x) {
    return (struct client_cert *)(void *)x;
}

static void start_chain(const br_x509_class **x, const char *server_name) {
    struct client_cert *c = client_cert_of(x);
    c->depth = c->client_n = 0;
    c->refused = 0;
    c->check.vtable->start_chain(&c->check.vtable, server_name);
}

static void start_cert(const br_x509_class **x, uint32_t n) {
    struct client_cert *c = client_cert_of(x);
    if (++c->depth > LIMIT_TLS_CERTIFICATES || (c->depth == 1 && n > sizeof c->client))
        c->refused = BR_ERR_X509_LIMIT_EXCEEDED;
    if (c->refused == 0)
        c->check.vtable->start_cert(&c->check.vtable, n);
}

static void append_cert(const br_x509_class **x, const unsigned char *bytes, size_t n) {
    struct client_cert *c = client_cert_of(x);
    if (c->refused != 0)
        return;
    if (c->depth == 1 && n <= sizeof c->client - c->client_n) {
        memcpy(c->client + c->client_n, bytes, n);
        c->client_n += n;
    }
    c->check.vtable->append(&c->check.vtable, bytes, n);
}

static void end_cert(const br_x509_class **x) {
    struct client_cert *c = client_cert_of(x);
    if (c->refused == 0)
        c->check.vtable->end_cert(&c->check.vtable);
}

static unsigned end_chain(const br_x509_class **x) {
    struct client_cert *c = client_cert_of(x);
    unsigned error = c->refused != 0 ? c->refused : c->check.vtable->end_chain(&c->check.vtable);
    return error == 0 && !x509_is_for_clients(c->client, c->client_n)
               ? BR_ERR_X509_FORBIDDEN_KEY_USAGE
               : error;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *x, unsigned *usages) {
    const struct client_cert *c = (const struct client_cert *)(const void *)x;
    return c->check.vtable->get_pkey(&c->check.vtable, usages);
}

/* The curves that the handshake offers are fewer than those that a client's key may be on. */
static uint32_t verify(const br_ec_impl *impl, const void *hash, size_t hash_n,
                       const br_ec_public_key *key, const void *signature, size_t n) {
    (void)impl;
    return br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(), hash, hash_n, key, signature, n);
}

void client_cert_require(struct client_cert *c, br_ssl_server_context *server) {
    static const unsigned char common_name[] = {3, 0x55, 0x04, 0x03}; /* its length first */
    static const br_x509_class class = {sizeof(struct client_cert),
                                        start_chain,
                                        start_cert,
                                        append_cert,
                                        end_cert,
                                        end_chain,
                                        get_pkey};
    static const br_hash_class *const hash[] = {&br_sha256_vtable, &br_sha384_vtable,
                                                &br_sha512_vtable};
    c->vtable = &class;
    br_x509_minimal_init(&c->check, &br_sha256_vtable, c->anchor, c->count);
    /* A pointer's size is meant. */
    for (size_t i = 0; i < sizeof hash / sizeof *hash; i++) // NOLINT(bugprone-sizeof-expression)
        br_x509_minimal_set_hash(&c->check, br_sha256_ID + (int)i, hash[i]);
    br_x509_minimal_set_rsa(&c->check, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_ecdsa(&c->check, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
    br_x509_minimal_set_minrsa(&c->check, 256);
    c->name_element = (br_name_element){.oid = common_name, .buf = c->name, .len = sizeof c->name};
    br_x509_minimal_set_name_elements(&c->check, &c->name_element, 1);
    br_ssl_engine_set_rsavrfy(&server->eng, br_rsa_pkcs1_vrfy_get_default());
    br_ssl_engine_set_ecdsa(&server->eng, verify);
    br_ssl_engine_set_x509(&server->eng, &c->vtable);
    br_ssl_server_set_trust_anchor_names_alt(server, c->anchor, c->count);
}

const char *client_cert_name(const struct client_cert *c) {
    return c->name_element.status == 1 && utf8_is_plain(c->name, strlen(c->name)) ? c->name : NULL;
}
