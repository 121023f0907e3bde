#include "tool/cert.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_pem.h>
#include <bearssl_rand.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/printed.h"
#include "base/random.h"
#include "tls/certificate.h"
#include "tool/print_error.h"
#include "wire/base64.h"
#include "wire/sha256.h"
#include "wire/x509.h"

enum {
    DAY = 86400,
    LASTS = 825 * DAY,  /* the longest that Apple's clients take */
    RENEWED = 30 * DAY, /* before its end, with --keep */
    BEFORE = DAY,       /* it is valid from so long ago, since clients' clocks may be late */
    KEY_TEXT = 512,
    CERTIFICATE_DER = 20480,
    CERTIFICATE_TEXT = 32768
};

/* Where the pair is kept. */
struct pair_directory {
    int fd;
    char certificate[LIMIT_PATH], key[LIMIT_PATH]; /* the paths of the two files */
};

/* ---- the key ---- */

/* Makes one and keeps it, unless somebody else was quicker: then that one counts. */
static int make_pair_key(const struct pair_directory *p) {
    unsigned char bytes[BR_EC_KBUF_PRIV_MAX_SIZE], point[BR_EC_KBUF_PUB_MAX_SIZE], der[256],
        seed[32];
    char text[KEY_TEXT];
    br_hmac_drbg_context random;
    br_ec_private_key key;
    br_ec_public_key public;
    if (random_fill(seed, sizeof seed) == -1)
        return print_error("cert", "no random numbers: %s", strerror(errno));
    br_hmac_drbg_init(&random, &br_sha256_vtable, seed, sizeof seed);
    br_ec_keygen(&random.vtable, &br_ec_all_m31, &key, bytes, BR_EC_secp256r1);
    br_ec_compute_pub(&br_ec_all_m31, &public, point, &key);
    size_t n = br_pem_encode(text, der, br_encode_ec_pkcs8_der(der, &key, &public), "PRIVATE KEY",
                             BR_PEM_LINE64);
    int result = fd_put_file(p->fd, SETTINGS_MADE_KEY, text, n, 0600, true) == -1 && errno != EEXIST
                     ? print_error("cert", "%s: %s", p->key, strerror(errno))
                     : 0;
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(&random, sizeof random);
    explicit_bzero(seed, sizeof seed);
    explicit_bzero(der, sizeof der);
    explicit_bzero(text, sizeof text);
    return result;
}

/* ---- the certificate ---- */

/* Returns the bytes of the signature. */
static size_t sign_part(const br_ec_private_key *key, const unsigned char *part, size_t n,
                        unsigned char signature[139]) {
    unsigned char hash[SHA256_SIZE];
    sha256(hash, part, n);
    return br_ecdsa_i31_sign_asn1(&br_ec_all_m31, &br_sha256_vtable, hash, key, signature);
}

static int make_certificate(const struct pair_directory *p, struct x509 *x,
                            const br_ec_private_key *key) {
    static unsigned char der[CERTIFICATE_DER], whole[CERTIFICATE_DER];
    static char text[CERTIFICATE_TEXT];
    const unsigned char *part, *start;
    unsigned char signature[139];
    size_t signature_n;
    int64_t now = time(NULL);
    x->not_before = now - BEFORE;
    x->not_after = now + LASTS;
    if (random_fill(x->serial, sizeof x->serial) == -1)
        return print_error("cert", "no random numbers: %s", strerror(errno));
    size_t n = x509_signed_part(der, sizeof der, x, &part);
    if (n == 0 || (signature_n = sign_part(key, part, n, signature)) == 0
        || (n = x509_whole(whole, sizeof whole, part, n, signature, signature_n, &start)) == 0)
        return print_error("cert", "the certificate can't be made");
    n = br_pem_encode(text, start, n, "CERTIFICATE", BR_PEM_LINE64);
    int put = fd_put_file(p->fd, SETTINGS_MADE_CERTIFICATE, text, n, 0644, false);
    return put == 0 ? 0 : print_error("cert", "%s: %s", p->certificate, strerror(errno));
}

/* Whether there is a certificate already for this key and all of these names, which does not expire
 * soon. */
static bool is_usable(const struct pair_directory *p, const struct x509 *x) {
    static struct certificate c;
    if (certificate_read_chain(&c, p->certificate) != NULL)
        return false;
    const br_x509_pkey *k = &c.public;
    int64_t now = time(NULL);
    if (k->key_type != BR_KEYTYPE_EC || k->key.ec.qlen != X509_POINT
        || memcmp(k->key.ec.q, x->point, X509_POINT) != 0 || c.not_before > now
        || c.not_after < now + RENEWED)
        return false;
    for (size_t i = 0; i < x->count; i++) {
        unsigned char entry[X509_NAME + 4];
        size_t n = x509_name_entry(entry, x->names[i]);
        if (memmem(c.chain[0].data, c.chain[0].data_len, entry, n) == NULL)
            return false;
    }
    return true;
}

/* ---- the program ---- */

static int print_settings(const struct pair_directory *p, const unsigned char point[X509_POINT]) {
    unsigned char key[X509_PUBLIC_KEY], hash[SHA256_SIZE];
    char pin[BASE64_SIZE(SHA256_SIZE) + 1];
    x509_public_key(key, point);
    sha256(hash, key, sizeof key);
    pin[base64_encode(pin, hash, sizeof hash)] = '\0';
    printf("TLS_CERT=%s\nTLS_KEY=%s\ncurl --insecure --pinnedpubkey 'sha256//%s'\n", p->certificate,
           p->key, pin);
    return printed_whole(stdout) ? 0 : 71;
}

static int open_pair_directory(struct pair_directory *p, const char *directory, bool keep) {
    int n =
        snprintf(p->certificate, sizeof p->certificate, "%s/" SETTINGS_MADE_CERTIFICATE, directory);
    snprintf(p->key, sizeof p->key, "%s/" SETTINGS_MADE_KEY, directory);
    if (n < 0 || (size_t)n >= sizeof p->certificate)
        return print_error("cert", "%s: %s", directory, strerror(ENAMETOOLONG));
    mkdir(directory, 0755);
    p->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->fd == -1)
        return print_error("cert", "%s: %s", directory, strerror(errno));
    for (int i = 0; i < 2 && !keep; i++)
        if (faccessat(p->fd, i == 0 ? SETTINGS_MADE_KEY : SETTINGS_MADE_CERTIFICATE, F_OK, 0) == 0)
            return print_error("cert", "%s: is there already; with --keep it would be kept",
                               i == 0 ? p->key : p->certificate);
    return 0;
}

/* Makes what is missing or will not do, and prints what to set. A certificate that is made anew is
 * for the same key, so that clients which have pinned that go on. */
static int provide_pair(const struct pair_directory *p, struct x509 *x) {
    static struct certificate c;
    if (faccessat(p->fd, SETTINGS_MADE_KEY, F_OK, 0) == -1 && make_pair_key(p) != 0)
        return 71;
    const char *error = certificate_read_key(&c, p->key);
    const br_ec_private_key *key = br_skey_decoder_get_ec(&c.key);
    if (error != NULL)
        return print_error("cert", "%s", error);
    if (key == NULL || key->curve != BR_EC_secp256r1)
        return print_error(
            "cert", "%s: is no key on P-256, so not one of bastion's: it is left alone", p->key);
    br_ec_compute_pub(&br_ec_all_m31, NULL, x->point, key);
    int result = is_usable(p, x) ? 0 : make_certificate(p, x, key);
    certificate_wipe(&c);
    return result != 0 ? result : print_settings(p, x->point);
}

int cert_main(int argc, char **argv) {
    struct pair_directory p;
    bool keep = argc > 1 && strcmp(argv[1], "--keep") == 0;
    char **word = argv + 1 + keep;
    struct x509 x = {.names = (const char *const *)word + 1, .count = (size_t)(argc - 2 - keep)};
    if (argc - keep < 3 || word[0][0] == '-' || x.count > X509_NAMES) {
        fputs("usage: bastion cert [--keep] FOLDER NAME...\n", stderr);
        return 64;
    }
    for (size_t i = 0; i < x.count; i++)
        if (!x509_is_name(x.names[i])) {
            print_error("cert", "%s: is neither a host's name nor an address", x.names[i]);
            return 64;
        }
    int result = open_pair_directory(&p, word[0], keep);
    return result != 0 ? result : provide_pair(&p, &x);
}
