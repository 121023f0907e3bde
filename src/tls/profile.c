#include "tls/profile.h"

#include <bearssl_block.h>
#include <bearssl_ec.h>
#include <bearssl_rsa.h>
#include <string.h>

enum { SUITES = 3 };

/* By the certificate's kind (RSA, ECDSA), then by whether the processor has AES: then AES-GCM is
 * three times as fast as ChaCha20; without, it is far slower. */
static const uint16_t suites[2][2][SUITES] = {
    [0] = {{BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
           {BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}},
    [1] = {{BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
           {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
};

static bool has_fast_aes(void) {
    return br_aes_x86ni_ctr_get_vtable() != NULL || br_aes_pwr8_ctr_get_vtable() != NULL;
}

/* The suites for the certificate's kind, and what signs with its key. */
static void set_key(br_ssl_server_context *s, const struct certificate *c) {
    bool ecdsa = c->public.key_type == BR_KEYTYPE_EC;
    br_ssl_engine_set_suites(&s->eng, suites[ecdsa][has_fast_aes()], SUITES);
    if (ecdsa) {
        br_ssl_server_set_single_ec(s, c->chain, c->count, br_skey_decoder_get_ec(&c->key),
                                    BR_KEYTYPE_SIGN, 0, br_ec_get_default(),
                                    br_ecdsa_sign_asn1_get_default());
    } else {
        br_ssl_server_set_single_rsa(s, c->chain, c->count, br_skey_decoder_get_rsa(&c->key),
                                     BR_KEYTYPE_SIGN, NULL, br_rsa_pkcs1_sign_get_default());
    }
}

void profile_set(br_ssl_server_context *s, const struct certificate *c) {
    static const char *protocols[] = {"http/1.1", "http/1.0"};
    static br_ec_impl groups; /* the engine keeps a pointer to it */
    br_ssl_engine_context *e = &s->eng;
    br_ssl_server_zero(s);
    br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
    br_ssl_engine_add_flags(e, BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_NO_RENEGOTIATION
                                   | BR_OPT_FAIL_ON_ALPN_MISMATCH);
    set_key(s, c);
    /* Of two that both sides have, BearSSL takes X25519, which is the faster one. */
    groups = *br_ec_get_default();
    groups.supported_curves = (uint32_t)1 << BR_EC_curve25519 | (uint32_t)1 << BR_EC_secp256r1;
    br_ssl_engine_set_ec(e, &groups);
    br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(e, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(e, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(e, br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(e, br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(e);
    br_ssl_engine_set_default_chapol(e);
    br_ssl_engine_set_protocol_names(e, protocols, 2);
}

bool profile_start(br_ssl_server_context *s, unsigned char buffer[BR_SSL_BUFSIZE_BIDI],
                   unsigned char seed[PROFILE_SEED]) {
    br_ssl_engine_set_buffer(&s->eng, buffer, BR_SSL_BUFSIZE_BIDI, 1);
    br_ssl_engine_inject_entropy(&s->eng, seed, PROFILE_SEED);
    explicit_bzero(seed, PROFILE_SEED);
    return br_ssl_server_reset(s) == 1;
}

const char *profile_suite(unsigned suite) {
    static const struct {
        uint16_t suite;
        const char *name;
    } names[] = {
        {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305"},
        {BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"},
        {BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384"},
        {BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].suite == suite)
            return names[i].name;
    return NULL;
}
