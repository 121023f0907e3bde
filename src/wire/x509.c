#include "wire/x509.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ip.h"
#include "wire/der.h"

/* Object identifiers, without tag and length. */
#define ECDSA_WITH_SHA256 "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define EC_PUBLIC_KEY "\x2a\x86\x48\xce\x3d\x02\x01"
#define P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define COMMON_NAME "\x55\x04\x03"
#define KEY_USAGE "\x55\x1d\x0f"
#define ALTERNATIVE_NAMES "\x55\x1d\x11"
#define BASIC_CONSTRAINTS "\x55\x1d\x13"
#define EXTENDED_USAGE "\x55\x1d\x25"
#define SERVER_AUTHENTICATION "\x2b\x06\x01\x05\x05\x07\x03\x01"

enum { NAME_OF_HOST = 0x82, ADDRESS = 0x87, VERSION = 0xa0, EXTENSIONS = 0xa3 }; /* context tags */

static void oid(struct der *d, const char *bytes) { der_element(d, DER_OID, bytes, strlen(bytes)); }

/* The labels of RFC 1123, section 2.1, and a wildcard for the first (RFC 6125, section 6.4.3). */
static bool is_host(const char *name) {
    size_t label = 0, n = strlen(name);
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    if (n == 0 || n > X509_NAME)
        return false;
    for (; *name != '\0'; name++) {
        bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')
                      || (*name >= '0' && *name <= '9') || *name == '_';
        if (*name == '.' ? label == 0 || name[-1] == '-' || name[1] == '\0'
                         : !letter && !(*name == '-' && label > 0))
            return false;
        label = *name == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return name[-1] != '-' && name[-1] != '.';
}

bool x509_is_name(const char *name) {
    struct ip ip;
    return ip_read(&ip, name) || is_host(name);
}

size_t x509_name_entry(unsigned char out[X509_NAME + 4], const char *name) {
    unsigned char room[X509_NAME + 4];
    struct der d = DER_ON(room);
    struct ip ip;
    if (ip_read(&ip, name))
        der_element(&d, ADDRESS, ip.bytes, ip.n);
    else
        der_element(&d, NAME_OF_HOST, name, strlen(name));
    memcpy(out, d.at, der_mark(&d));
    return der_mark(&d);
}

/* ---- reading ---- */

/* The value of an extension, from behind its identifier; *n bytes. NULL when it is none, or an
 * absurdly long one. */
static const unsigned char *value_of(const unsigned char *at, const unsigned char *end, size_t *n) {
    if (end - at >= 3 && at[0] == DER_BOOLEAN && at[1] == 1)
        at += 3; /* critical */
    if (end - at < 3 || at[0] != DER_OCTETS)
        return NULL;
    bool longer = at[1] == 0x81;
    *n = at[longer ? 2 : 1];
    at += longer ? 3 : 2;
    return (longer || *n < 128) && *n <= (size_t)(end - at) ? at : NULL;
}

/* Every place that looks like the extension is one: a name in the certificate that does only makes
 * it refused. */
bool x509_is_for_clients(const unsigned char *der, size_t n) {
    static const unsigned char usage[] = {DER_OID, 3, 0x55, 0x1d, 0x25},
                               any[] = {DER_OID, 4, 0x55, 0x1d, 0x25, 0},
                               client[] = {DER_OID, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2};
    const unsigned char *end = der + n, *at = der;
    while ((at = memmem(at, (size_t)(end - at), usage, sizeof usage)) != NULL) {
        size_t length;
        at += sizeof usage;
        const unsigned char *value = value_of(at, end, &length);
        if (value == NULL
            || (memmem(value, length, client, sizeof client) == NULL
                && memmem(value, length, any, sizeof any) == NULL))
            return false;
    }
    return true;
}

/* ---- writing ---- */

/* Everything below is written last thing first. */

static void put_algorithm(struct der *d) {
    size_t mark = der_mark(d);
    oid(d, ECDSA_WITH_SHA256);
    der_wrap(d, DER_SEQUENCE, mark);
}

static void put_name_field(struct der *d, const char *text) {
    size_t mark = der_mark(d);
    size_t n = strlen(text);
    /* RFC 5280's ub-common-name; clients look at the alternative names */
    der_element(d, DER_UTF8, text, n > 64 ? 64 : n);
    oid(d, COMMON_NAME);
    der_wrap(d, DER_SEQUENCE, mark);
    der_wrap(d, DER_SET, mark);
    der_wrap(d, DER_SEQUENCE, mark);
}

/* Two digits of the year until 2049, four later (RFC 5280, section 4.1.2.5). */
static void put_date(struct der *d, int64_t when) {
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)when;
    gmtime_r(&seconds, &tm);
    bool late = tm.tm_year >= 150;
    size_t n = strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm), century = late ? 0 : 2;
    der_element(d, late ? DER_GENERAL_TIME : DER_UTC_TIME, text + century, n - century);
}

static void put_public_key(struct der *d, const unsigned char point[X509_POINT]) {
    size_t outer = der_mark(d), mark = outer;
    der_bytes(d, point, X509_POINT);
    der_bytes(d, "", 1); /* no unused bits */
    der_wrap(d, DER_BITS, mark);
    mark = der_mark(d);
    oid(d, P256);
    oid(d, EC_PUBLIC_KEY);
    der_wrap(d, DER_SEQUENCE, mark);
    der_wrap(d, DER_SEQUENCE, outer);
}

void x509_public_key(unsigned char out[X509_PUBLIC_KEY], const unsigned char point[X509_POINT]) {
    struct der d = {.start = out, .at = out + X509_PUBLIC_KEY, .end = out + X509_PUBLIC_KEY};
    put_public_key(&d, point);
}

/* Closes an extension whose value has been written since the mark. */
static void wrap_extension(struct der *d, const char *id, bool critical, size_t mark) {
    der_wrap(d, DER_OCTETS, mark);
    if (critical)
        der_element(d, DER_BOOLEAN, "\xff", 1);
    oid(d, id);
    der_wrap(d, DER_SEQUENCE, mark);
}

static void put_extensions(struct der *d, const struct x509 *x) {
    size_t outer = der_mark(d), mark = outer;
    for (size_t i = x->count; i-- > 0;) {
        unsigned char entry[X509_NAME + 4];
        der_bytes(d, entry, x509_name_entry(entry, x->names[i]));
    }
    der_wrap(d, DER_SEQUENCE, mark);
    wrap_extension(d, ALTERNATIVE_NAMES, false, mark);
    mark = der_mark(d);
    oid(d, SERVER_AUTHENTICATION);
    der_wrap(d, DER_SEQUENCE, mark);
    wrap_extension(d, EXTENDED_USAGE, false, mark);
    mark = der_mark(d);
    /* digitalSignature, the first bit: it signs handshakes */
    der_element(d, DER_BITS, "\x07\x80", 2);
    wrap_extension(d, KEY_USAGE, true, mark);
    mark = der_mark(d);
    der_wrap(d, DER_SEQUENCE, mark); /* no authority over other certificates */
    wrap_extension(d, BASIC_CONSTRAINTS, true, mark);
    der_wrap(d, DER_SEQUENCE, outer);
    der_wrap(d, EXTENSIONS, outer);
}

size_t x509_signed_part(unsigned char *out, size_t cap, const struct x509 *x,
                        const unsigned char **start) {
    struct der d = {.start = out, .at = out + cap, .end = out + cap};
    put_extensions(&d, x);
    put_public_key(&d, x->point);
    put_name_field(&d, x->names[0]);
    size_t mark = der_mark(&d);
    put_date(&d, x->not_after);
    put_date(&d, x->not_before);
    der_wrap(&d, DER_SEQUENCE, mark);
    put_name_field(&d, x->names[0]); /* its own issuer */
    put_algorithm(&d);
    unsigned char serial[X509_SERIAL];
    memcpy(serial, x->serial, sizeof serial);
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and no leading zero byte */
    der_element(&d, DER_INTEGER, serial, sizeof serial);
    mark = der_mark(&d);
    der_element(&d, DER_INTEGER, "\x02", 1); /* version 3 */
    der_wrap(&d, VERSION, mark);
    der_wrap(&d, DER_SEQUENCE, 0);
    *start = d.at;
    return d.full ? 0 : der_mark(&d);
}

size_t x509_whole(unsigned char *out, size_t cap, const unsigned char *part, size_t n,
                  const unsigned char *signature, size_t signature_n, const unsigned char **start) {
    struct der d = {.start = out, .at = out + cap, .end = out + cap};
    der_bytes(&d, signature, signature_n);
    der_bytes(&d, "", 1);
    der_wrap(&d, DER_BITS, 0);
    put_algorithm(&d);
    der_bytes(&d, part, n);
    der_wrap(&d, DER_SEQUENCE, 0);
    *start = d.at;
    return d.full ? 0 : der_mark(&d);
}
