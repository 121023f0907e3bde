#include "tls/certificate.h"

#include <bearssl_ec.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { RSA_BITS_LEAST = 2048, RSA_BITS_MOST = 4096, YEAR_0_TO_1970 = 719528 /* days */ };

static int64_t since_1970(uint32_t days, uint32_t seconds) {
    return ((int64_t)days - YEAR_0_TO_1970) * 86400 + seconds;
}

bool certificate_paths(struct certificate_paths *p, const struct settings *s) {
    const char *chain = settings_text(s, SETTING_TLS_CERT),
               *key = settings_text(s, SETTING_TLS_KEY),
               *directory = settings_text(s, SETTING_SSH_KEYS);
    if (chain != NULL) {
        snprintf(p->chain, sizeof p->chain, "%s", chain);
        snprintf(p->key, sizeof p->key, "%s", key != NULL ? key : "");
    } else if (settings_given(s, SETTING_TLS)) {
        snprintf(p->chain, sizeof p->chain, "%s/" SETTINGS_MADE_CERTIFICATE, directory);
        snprintf(p->key, sizeof p->key, "%s/" SETTINGS_MADE_KEY, directory);
    } else {
        return false;
    }
    return true;
}

/* ---- the chain ---- */

/* gcc's analyzer sees BearSSL's getters give NULL where their decoder has failed, but not that
 * br_x509_decoder_last_error and br_skey_decoder_last_error are asked before. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-null-dereference"
#endif

static const char *check_public(const br_x509_pkey *k) {
    if (k->key_type == BR_KEYTYPE_EC) {
        int curve = k->key.ec.curve;
        bool known =
            curve == BR_EC_secp256r1 || curve == BR_EC_secp384r1 || curve == BR_EC_secp521r1;
        return known ? NULL : "its key is on another curve than P-256, P-384 and P-521";
    }
    size_t n = k->key.rsa.nlen;
    return n * 8 >= RSA_BITS_LEAST && n * 8 <= RSA_BITS_MOST
               ? NULL
               : "its RSA key has less than 2048 or more than 4096 bits";
}

const char *certificate_decode(br_x509_decoder_context *decoder, const unsigned char *der, size_t n,
                               void (*append_name)(void *, const void *, size_t), void *context) {
    br_x509_decoder_init(decoder, append_name, context);
    br_x509_decoder_push(decoder, der, n);
    if (br_x509_decoder_last_error(decoder) != 0)
        return "a certificate in it is damaged, or of a kind that is not known here";
    return check_public(br_x509_decoder_get_pkey(decoder));
}

static const char *take_chain_object(void *context, const char *label, const unsigned char *bytes,
                                     size_t n) {
    struct certificate *c = context;
    if (strcmp(label, "CERTIFICATE") != 0 && strcmp(label, "X509 CERTIFICATE") != 0)
        return NULL;
    if (c->count == LIMIT_TLS_CERTIFICATES || n > sizeof c->der - c->used)
        return "it has too many certificates";
    const char *error =
        c->count == 0 ? certificate_decode(&c->decoder, bytes, n, NULL, NULL) : NULL;
    if (error != NULL)
        return error;
    memcpy(c->der + c->used, bytes, n);
    c->chain[c->count++] = (br_x509_certificate){.data = c->der + c->used, .data_len = n};
    c->used += n;
    if (c->count > 1)
        return NULL;
    c->public = *br_x509_decoder_get_pkey(&c->decoder);
    /* BearSSL's private fields (vendor/README.md, "A new version"): the dates of a certificate */
    c->not_before = since_1970(c->decoder.notbefore_days, c->decoder.notbefore_seconds);
    c->not_after = since_1970(c->decoder.notafter_days, c->decoder.notafter_seconds);
    return NULL;
}

const char *certificate_read_chain(struct certificate *c, const char *path) {
    c->count = c->used = 0;
    const char *error = pem_each(c->error, path, take_chain_object, c);
    if (error != NULL || c->count > 0)
        return error;
    snprintf(c->error, sizeof c->error, "%s: there is no certificate in it", path);
    return c->error;
}

/* ---- the key ---- */

/* What a file of a key turns out to have: the key, and the public half that the certificate has,
 * which stands in all but a few files of EC keys. */
struct key_search {
    struct certificate *c;
    bool key, public;
};

static bool has_public_half(const unsigned char *bytes, size_t n, const br_x509_pkey *k) {
    if (k->key_type == BR_KEYTYPE_EC)
        return memmem(bytes, n, k->key.ec.q, k->key.ec.qlen) != NULL;
    return memmem(bytes, n, k->key.rsa.n, k->key.rsa.nlen) != NULL;
}

static const char *take_key_object(void *context, const char *label, const unsigned char *bytes,
                                   size_t n) {
    struct key_search *f = context;
    size_t length = strlen(label);
    if (f->key || length < 11 || strcmp(label + length - 11, "PRIVATE KEY") != 0)
        return NULL;
    br_skey_decoder_init(&f->c->key);
    br_skey_decoder_push(&f->c->key, bytes, n);
    if (br_skey_decoder_last_error(&f->c->key) != 0)
        return "its key is damaged, or neither RSA nor on P-256, P-384 or P-521";
    f->key = true;
    f->public = f->c->count > 0 && has_public_half(bytes, n, &f->c->public);
    return NULL;
}

static const char *read_key(struct key_search *f, const char *path) {
    const char *error = pem_each(f->c->error, path, take_key_object, f);
    if (error != NULL || f->key)
        return error;
    snprintf(f->c->error, sizeof f->c->error, "%s: there is no private key in it", path);
    return f->c->error;
}

const char *certificate_read_key(struct certificate *c, const char *path) {
    struct key_search f = {.c = c};
    return read_key(&f, path);
}

/* Whether the key belongs to the certificate. Computing an EC key's public half takes as long as a
 * handshake: that is done only where it does not stand in the file of the key. */
static bool key_matches(const struct certificate *c, bool public_found) {
    unsigned char point[BR_EC_KBUF_PUB_MAX_SIZE];
    if (br_skey_decoder_key_type(&c->key) != c->public.key_type)
        return false;
    if (public_found || c->public.key_type != BR_KEYTYPE_EC)
        return public_found;
    const br_ec_private_key *k = br_skey_decoder_get_ec(&c->key);
    size_t n =
        k->curve == c->public.key.ec.curve ? br_ec_compute_pub(&br_ec_all_m31, NULL, point, k) : 0;
    return n > 0 && n == c->public.key.ec.qlen && memcmp(point, c->public.key.ec.q, n) == 0;
}

static const char *read_once(struct certificate *c, const char *chain_path, const char *key_path,
                             bool *matches) {
    struct key_search f = {.c = c};
    const char *error = certificate_read_chain(c, chain_path);
    if (error == NULL)
        error = read_key(&f, key_path);
    *matches = error == NULL && key_matches(c, f.public);
    return error;
}

const char *certificate_read(struct certificate *c, const char *chain_path, const char *key_path) {
    bool matches;
    const char *error = read_once(c, chain_path, key_path, &matches);
    if (!matches) {
        poll(NULL, 0, LIMIT_TLS_REPLACED_MS);
        error = read_once(c, chain_path, key_path, &matches);
    }
    if (error == NULL && !matches) {
        snprintf(c->error, sizeof c->error, "%s, %s: the key does not belong to the certificate",
                 chain_path, key_path);
        error = c->error;
    }
    if (error != NULL)
        certificate_wipe(c);
    return error;
}

const char *certificate_age(char text[CERTIFICATE_AGE], const struct certificate *c, int64_t now) {
    if (now >= c->not_before && now <= c->not_after)
        return NULL;
    bool early = now < c->not_before;
    int64_t seconds = early ? c->not_before - now : now - c->not_after;
    snprintf(text, CERTIFICATE_AGE, early ? "not valid for another %lld %s" : "expired %lld %s ago",
             (long long)(seconds >= 86400 ? seconds / 86400 : seconds / 3600),
             seconds >= 86400 ? "days" : "hours");
    return text;
}

void certificate_wipe(struct certificate *c) { explicit_bzero(&c->key, sizeof c->key); }
