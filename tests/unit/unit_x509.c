/* der and x509: OpenSSL reads the whole certificates in tests/e2e/test_cert.py. And tls_cache, on a
 * file of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/session_cache.h"
#include "limit.h"
#include "unit.h"
#include "wire/der.h"
#include "wire/x509.h"

static const struct {
    size_t n;
    const char *head;
    size_t head_n;
} lengths[] = {
    {0, BYTES("\x04\x00")},
    {1, BYTES("\x04\x01")},
    {127, BYTES("\x04\x7f")},
    {128, BYTES("\x04\x81\x80")},
    {255, BYTES("\x04\x81\xff")},
    {256, BYTES("\x04\x82\x01\x00")},
    {65535, BYTES("\x04\x82\xff\xff")},
    {65536, BYTES("\x04\x83\x01\x00\x00")},
};

START_TEST(length) {
    static unsigned char room[70000], value[70000];
    struct der d = DER_ON(room);
    memset(value, 'x', lengths[_i].n);
    der_element(&d, DER_OCTETS, value, lengths[_i].n);
    ck_assert(!d.full);
    ck_assert_uint_eq(der_mark(&d), lengths[_i].head_n + lengths[_i].n);
    ck_assert_mem_eq(d.at, lengths[_i].head, lengths[_i].head_n);
    ck_assert_mem_eq(d.at + lengths[_i].head_n, value, lengths[_i].n);
}
END_TEST

START_TEST(full) {
    unsigned char room[4];
    struct der d = DER_ON(room);
    der_element(&d, DER_OCTETS, "ab", 2);
    ck_assert(!d.full);
    der_bytes(&d, "", 1);
    ck_assert(d.full);
    /* One that does not fit leaves no half of it, and nothing follows. */
    d = (struct der)DER_ON(room);
    der_element(&d, DER_OCTETS, "abc", 3);
    ck_assert(d.full);
    const char *name[] = {"a.test"};
    struct x509 x = {.names = name, .count = 1};
    unsigned char small[300];
    const unsigned char *start;
    ck_assert_uint_eq(x509_signed_part(small, 200, &x, &start), 0);
}
END_TEST

static const struct {
    const char *name;
    bool good;
    const char *entry;
    size_t entry_n;
} names[] = {
    {"a", true,
     BYTES("\x82\x01"
           "a")},
    {"a.b-c.test", true,
     BYTES("\x82\x0a"
           "a.b-c.test")},
    {"*.a.test", true, BYTES("\x82\x08*.a.test")},
    {"192.0.2.1", true, BYTES("\x87\x04\xc0\x00\x02\x01")},
    {"::1", true, BYTES("\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")},
    {"", false, NULL, 0},
    {"a b", false, NULL, 0},
    {"a..b", false, NULL, 0},
    {".a", false, NULL, 0},
    {"a.", false, NULL, 0},
    {"-a", false, NULL, 0},
    {"a-", false, NULL, 0},
    {"a-.b", false, NULL, 0},
    {"a.-b", false, NULL, 0},
    {"*", false, NULL, 0},
    {"a.*", false, NULL, 0},
    {"*.", false, NULL, 0},
    {"a,DNS:b", false, NULL, 0},
    {"a\n", false, NULL, 0},
    {"\xc3\xa4", false, NULL, 0},
};

START_TEST(name) {
    unsigned char entry[X509_NAME + 4];
    ck_assert_int_eq(x509_is_name(names[_i].name), names[_i].good);
    if (!names[_i].good)
        return;
    ck_assert_uint_eq(x509_name_entry(entry, names[_i].name), names[_i].entry_n);
    ck_assert_mem_eq(entry, names[_i].entry, names[_i].entry_n);
}
END_TEST

/* The extension (RFC 5280, section 4.2.1.12) between other bytes. */
#define USAGE "\x06\x03\x55\x1d\x25"
#define CLIENT "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
#define SERVER "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
#define ANY "\x06\x04\x55\x1d\x25\x00"
static const struct {
    const char *der;
    size_t n;
    bool good;
} purposes[] = {
    {BYTES(""), true},
    {BYTES("x\x06\x03\x55\x1d\x24\x04\x02\x30\x00"), true}, /* another extension */
    {BYTES("x" USAGE "\x04\x0c\x30\x0a" CLIENT), true},
    {BYTES("x" USAGE "\x01\x01\xff\x04\x0c\x30\x0a" CLIENT "y"), true},
    {BYTES("x" USAGE "\x04\x16\x30\x14" SERVER CLIENT), true},
    {BYTES("x" USAGE "\x04\x81\x0c\x30\x0a" CLIENT), true},
    {BYTES("x" USAGE "\x04\x08\x30\x06" ANY), true},
    {BYTES("x" USAGE "\x04\x0c\x30\x0a" SERVER), false},
    {BYTES("x" USAGE "\x04\x0c\x30\x0a" SERVER CLIENT), false}, /* behind it */
    /* a name that looks like it */
    {BYTES(USAGE "\x04\x0c\x30\x0a" CLIENT USAGE "\x04\x0c\x30\x0a" SERVER), false},
    {BYTES("x" USAGE "\x04\x02\x30\x00"), false},
    {BYTES("x" USAGE "\x04\x82\x00\x0c\x30\x0a" CLIENT), false},
    {BYTES("x" USAGE "\x04\x0d\x30\x0a" CLIENT), false}, /* cut */
    {BYTES("x" USAGE "\x01\x01\xff"), false},
    {BYTES("x" USAGE), false},
};

START_TEST(purpose) {
    const char *der = unit_guarded(purposes[_i].der, purposes[_i].n);
    ck_assert_int_eq(x509_is_for_clients((const unsigned char *)der, purposes[_i].n),
                     purposes[_i].good);
}
END_TEST

START_TEST(sessions) {
    char directory[] = "/tmp/bastion-unit-XXXXXX", path[64];
    static struct session_cache c, other;
    static br_ssl_server_context server;
    static br_ssl_session_parameters s[3], found;
    const uint16_t suites[] = {0xc02b, 0xcca9};
    ck_assert_ptr_nonnull(mkdtemp(directory));
    br_ssl_engine_set_suites(&server.eng, suites, COUNT(suites));
    session_cache_open(&c, directory, geteuid(), getegid(), (const unsigned char *)"certificate",
                       11);
    session_cache_open(&other, directory, geteuid(), getegid(), (const unsigned char *)"another",
                       7);
    ck_assert_int_ne(c.fd, -1);
    for (size_t i = 0; i < COUNT(s); i++) {
        memset(s[i].session_id, (int)i + 1, 32);
        memset(s[i].master_secret, (int)i + 101, 48);
        s[i].session_id_len = 32;
        s[i].version = BR_TLS12;
        s[i].cipher_suite = i == 2 ? 0xc02f : 0xcca9; /* the last is not offered */
        c.vtable->save(&c.vtable, &server, &s[i]);
    }
    for (size_t i = 0; i < COUNT(s); i++) {
        found = s[i];
        memset(found.master_secret, 0, 48);
        ck_assert_int_eq(c.vtable->load(&c.vtable, &server, &found), i < 2);
        if (i < 2)
            ck_assert_mem_eq(found.master_secret, s[i].master_secret, 48);
        ck_assert_int_eq(other.vtable->load(&other.vtable, &server, &found), 0);
    }
    memset(found.session_id, 9, 32);
    ck_assert_int_eq(c.vtable->load(&c.vtable, &server, &found), 0);
    /* As many as there can be, and the file does not grow beyond that. */
    found = s[0];
    for (unsigned i = 0; i < 3 * LIMIT_TLS_SESSIONS; i++) {
        memcpy(found.session_id, &i, sizeof i);
        c.vtable->save(&c.vtable, &server, &found);
        ck_assert_int_eq(c.vtable->load(&c.vtable, &server, &found), 1);
    }
    struct stat st;
    ck_assert_int_eq(fstat(c.fd, &st), 0);
    ck_assert_int_le(st.st_size, LIMIT_TLS_SESSIONS * 112);
    close(c.fd);
    close(other.fd);
    snprintf(path, sizeof path, "%s/" SESSION_CACHE_FILE, directory);
    ck_assert_int_eq(chmod(path, 0640), 0); /* one that others can read is none of ours */
    session_cache_open(&c, directory, geteuid(), getegid(), (const unsigned char *)"certificate",
                       11);
    ck_assert_int_eq(c.fd, -1);
    ck_assert_int_eq(c.vtable->load(&c.vtable, &server, &s[0]), 0);
    c.vtable->save(&c.vtable, &server, &s[0]);
    unlink(path);
    rmdir(directory);
}
END_TEST

/* BearSSL's decoder of private keys: five numbers of an RSA key that fill its buffer, as it counts
 * it, leave what is behind alone. */
START_TEST(key_decoder) {
    enum { EACH = BR_X509_BUFSIZE_KEY };
    static const unsigned char head[] = {0x02, 1, 0, 0x02, 1, 0x7f, 0x02, 1, 3, 0x02, 1, 3},
                               empty[] = {0x02, 1, 0};
    unsigned char file[3 * EACH + 64], *at = file + 4;
    struct {
        br_skey_decoder_context decoder;
        unsigned char behind[64];
    } *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    memset(c->behind, 0xaa, sizeof c->behind);
    memcpy(at, head, sizeof head);
    at += sizeof head;
    for (int i = 0; i < 3; i++) {
        memcpy(at, (const unsigned char[]){0x02, 0x82, EACH >> 8, EACH & 0xff}, 4);
        memset(at + 4, 0x7f, EACH);
        at += 4 + EACH;
    }
    for (int i = 0; i < 2; i++, at += sizeof empty)
        memcpy(at, empty, sizeof empty);
    size_t n = (size_t)(at - file) - 4;
    memcpy(file, (const unsigned char[]){0x30, 0x82, (unsigned char)(n >> 8), (unsigned char)n}, 4);
    br_skey_decoder_init(&c->decoder);
    br_skey_decoder_push(&c->decoder, file, n + 4);
    for (size_t i = 0; i < sizeof c->behind; i++)
        ck_assert_uint_eq(c->behind[i], 0xaa);
    ck_assert_uint_le(3 * EACH, sizeof c->decoder.key_data);
    free(c);
}
END_TEST

Suite *unit_x509(void) {
    Suite *s = suite_create("x509");
    TCase *tc = tcase_create("x509");
    tcase_add_loop_test(tc, length, 0, COUNT(lengths));
    tcase_add_test(tc, full);
    tcase_add_loop_test(tc, name, 0, COUNT(names));
    tcase_add_loop_test(tc, purpose, 0, COUNT(purposes));
    tcase_add_test(tc, sessions);
    tcase_add_test(tc, key_decoder);
    suite_add_tcase(s, tc);
    return s;
}
