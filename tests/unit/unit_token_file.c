/* Limits of credentials: networks, lists of them, dates, and lines of files of tokens. */
#include <string.h>

#include "base/cidr.h"
#include "unit.h"
#include "wire/date.h"
#include "wire/from.h"
#include "wire/token_file.h"

/* ---- networks ---- */

static const struct {
    const char *text;
    enum cidr_fault fault;
    const char *first; /* the network's first address, as it is printed */
    unsigned bits;
    const char *in, *out; /* an address in it, and one that is not */
} networks[] = {
    {"192.0.2.0/24", CIDR_GOOD, "192.0.2.0", 24, "192.0.2.255", "192.0.3.0"},
    {"192.0.2.7", CIDR_GOOD, "192.0.2.7", 32, "192.0.2.7", "192.0.2.6"},
    {"192.0.2.7/32", CIDR_GOOD, "192.0.2.7", 32, "192.0.2.7", "192.0.2.135"},
    {"0.0.0.0/0", CIDR_GOOD, "0.0.0.0", 0, "255.255.255.255", "::1"},
    {"128.0.0.0/1", CIDR_GOOD, "128.0.0.0", 1, "200.1.1.1", "127.0.0.1"},
    {"10.128.0.0/9", CIDR_GOOD, "10.128.0.0", 9, "10.255.0.1", "10.127.255.255"},
    {"192.0.2.4/31", CIDR_GOOD, "192.0.2.4", 31, "192.0.2.5", "192.0.2.6"},
    {"192.0.2.0/024", CIDR_GOOD, "192.0.2.0", 24, "192.0.2.1", "192.0.1.1"},
    {"2001:db8::/32", CIDR_GOOD, "2001:db8::", 32, "2001:db8:ffff::1", "2001:db9::"},
    {"2001:DB8::1", CIDR_GOOD, "2001:db8::1", 128, "2001:db8::1", "2001:db8::2"},
    {"::/0", CIDR_GOOD, "::", 0, "fe80::1", "192.0.2.1"},
    {"fe80::/10", CIDR_GOOD, "fe80::", 10, "febf::1", "fec0::"},
    {"::1/128", CIDR_GOOD, "::1", 128, "::1", "::"},
    {"2001:db8::8/125", CIDR_GOOD, "2001:db8::8", 125, "2001:db8::f", "2001:db8::10"},
    /* mapped ones: either side may be written so */
    {"::ffff:192.0.2.0/120", CIDR_GOOD, "192.0.2.0", 24, "192.0.2.1", "192.0.3.1"},
    {"::ffff:192.0.2.1", CIDR_GOOD, "192.0.2.1", 32, "::ffff:192.0.2.1", "::ffff:192.0.2.2"},
    {"::ffff:0:0/96", CIDR_GOOD, "0.0.0.0", 0, "10.0.0.1", "::1"},
    {"::/95", CIDR_GOOD, "::", 95, "::1:0:1", "192.0.2.1"},
    /* a mistake in one of the two */
    {"192.0.2.1/24", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.1/0", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.128/24", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"192.0.3.0/23", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"2001:db8::1/64", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"::ffff:192.0.2.1/120", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"::ffff:0:0/95", CIDR_HOST_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/33", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/-1", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/24/8", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/255.255.255.0", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/ 24", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"192.0.2.0/18446744073709551640", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"::/129", CIDR_NO_BITS, NULL, 0, NULL, NULL},
    {"", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"/24", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"192.0.2", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"192.0.2/24", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"192.0.2.256", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {" 192.0.2.0", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"192.0.2.0 ", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"host.example", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"fe80::1%eth0", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"[::1]", CIDR_NO_ADDRESS, NULL, 0, NULL, NULL},
    {"1111111111111111111111111111111111111111111111111111111111111111111/8", CIDR_NO_ADDRESS, NULL,
     0, NULL, NULL},
};

START_TEST(network) {
    struct cidr c;
    struct ip ip;
    char first[LIMIT_PEER];
    size_t n = strlen(networks[_i].text);
    ck_assert_int_eq(cidr_read(&c, unit_guarded(networks[_i].text, n), n), networks[_i].fault);
    if (networks[_i].fault != CIDR_GOOD)
        return;
    ip_print(first, &c.ip);
    ck_assert_str_eq(first, networks[_i].first);
    ck_assert_uint_eq(c.bits, networks[_i].bits);
    ck_assert(ip_read(&ip, networks[_i].in) && cidr_has(&c, &ip));
    ck_assert(ip_read(&ip, networks[_i].out) && !cidr_has(&c, &ip));
}
END_TEST

START_TEST(network_with_a_nul) {
    struct cidr c;
    ck_assert_int_eq(cidr_read(&c, BYTES("192.0.2.1\0x")), CIDR_NO_ADDRESS);
    ck_assert_int_eq(cidr_read(&c, BYTES("192.0.2.0\0/24")), CIDR_NO_ADDRESS);
}
END_TEST

/* ---- lists of them ---- */

#define NONE "from= has an entry that is no address and no network"
#define NEVER "from= has a pattern that no address matches"
#define EMPTY "from= has an empty entry"
#define NOBODY "from= keeps some out and lets nobody in"
#define HOST_BITS "from= has an address with bits beyond those of its network"

static const struct {
    const char *list;
    enum from_kind kind;
    const char *wrong, *in, *out;
} lists[] = {
    {"192.0.2.0/24", FROM_NETWORKS, NULL, "192.0.2.1", "192.0.3.1"},
    {"192.0.2.0/24,2001:db8::/32", FROM_NETWORKS, NULL, "2001:db8::1", "10.0.0.1"},
    {"10.0.0.1,10.0.0.3", FROM_NETWORKS, NULL, "10.0.0.3", "10.0.0.2"},
    {"192.0.2.0/24", FROM_NETWORKS, NULL, "::ffff:192.0.2.9", "local"},
    {"0.0.0.0/0,::/0", FROM_NETWORKS, NULL, "::1", "unknown"},
    {"", FROM_NETWORKS, EMPTY, NULL, NULL},
    {",", FROM_NETWORKS, EMPTY, NULL, NULL},
    {"192.0.2.1,", FROM_NETWORKS, EMPTY, NULL, NULL},
    {",192.0.2.1", FROM_NETWORKS, EMPTY, NULL, NULL},
    {"192.0.2.1,,192.0.2.2", FROM_NETWORKS, EMPTY, NULL, NULL},
    {"192.0.2.1, 192.0.2.2", FROM_NETWORKS, NONE, NULL, NULL},
    {"!192.0.2.1", FROM_NETWORKS, NONE, NULL, NULL},
    {"192.0.2.*", FROM_NETWORKS, NONE, NULL, NULL},
    {"*", FROM_NETWORKS, NONE, NULL, NULL},
    {"192.0.2.1,host", FROM_NETWORKS, NONE, NULL, NULL},
    {"192.0.2.1/24", FROM_NETWORKS, HOST_BITS, NULL, NULL},
    {"192.0.2.0/99", FROM_NETWORKS,
     "from= has a slash without the number of a network's bits behind it", NULL, NULL},
    /* as sshd(8) has them */
    {"192.0.2.0/24,!192.0.2.7", FROM_PATTERNS, NULL, "192.0.2.6", "192.0.2.7"},
    {"!192.0.2.7,192.0.2.0/24", FROM_PATTERNS, NULL, "192.0.2.8", "192.0.2.7"},
    {"*,!10.0.0.0/8", FROM_PATTERNS, NULL, "::1", "10.1.2.3"},
    {"!10.*,*", FROM_PATTERNS, NULL, "110.1.2.3", "10.1.2.3"},
    {"192.0.2.*", FROM_PATTERNS, NULL, "192.0.2.99", "192.0.20.1"},
    {"192.0.2.?", FROM_PATTERNS, NULL, "192.0.2.9", "192.0.2.10"},
    {"192.0.2.1??", FROM_PATTERNS, NULL, "192.0.2.100", "192.0.2.10"},
    {"*.2.1", FROM_PATTERNS, NULL, "192.0.2.1", "192.0.2.11"},
    {"1*.*2.*1", FROM_PATTERNS, NULL, "10.12.2.1", "10.12.2.12"},
    {"2001:db8:*", FROM_PATTERNS, NULL, "2001:db8::1", "2001:db9::1"},
    {"2001:DB8:*:1", FROM_PATTERNS, NULL, "2001:db8::1", "2001:db8::2"},
    {"::ffff:10.0.0.0/104", FROM_PATTERNS, NULL, "10.255.0.1", "11.0.0.1"},
    {"*", FROM_PATTERNS, NULL, "2001:db8::1", "unknown"},
    {"**", FROM_PATTERNS, NULL, "192.0.2.1", "local"},
    {"!*,192.0.2.1,192.0.2.2", FROM_PATTERNS, NULL, NULL, "192.0.2.1"},
    {"!192.0.2.1", FROM_PATTERNS, NOBODY, NULL, NULL},
    {"!192.0.2.1,!10.*", FROM_PATTERNS, NOBODY, NULL, NULL},
    {"!", FROM_PATTERNS, EMPTY, NULL, NULL},
    {"192.0.2.1,!", FROM_PATTERNS, EMPTY, NULL, NULL},
    {"!!192.0.2.1,*", FROM_PATTERNS, NONE, NULL, NULL},
    {"*.example.com", FROM_PATTERNS, NEVER, NULL, NULL},
    {"*,!*.example.com", FROM_PATTERNS, NEVER, NULL, NULL},
    {"*.de", FROM_PATTERNS, NEVER, NULL, NULL},
    {"10.0.0.*/8", FROM_PATTERNS, NEVER, NULL, NULL},
    {"host.example.com", FROM_PATTERNS, NONE, NULL, NULL},
    {"192.0.2.1 ", FROM_PATTERNS, NONE, NULL, NULL},
    {"* ", FROM_PATTERNS, NEVER, NULL, NULL},
    {"192.0.2.1/24", FROM_PATTERNS, HOST_BITS, NULL, NULL},
};

START_TEST(from_list) {
    size_t n = strlen(lists[_i].list);
    struct slice list = {unit_guarded(lists[_i].list, n), n};
    const char *wrong = from_wrong(list, lists[_i].kind);
    ck_assert_pstr_eq(wrong, lists[_i].wrong);
    if (lists[_i].in != NULL)
        ck_assert(from_has(list, lists[_i].kind, lists[_i].in));
    if (lists[_i].out != NULL)
        ck_assert(!from_has(list, lists[_i].kind, lists[_i].out));
}
END_TEST

/* ---- dates ---- */

static const struct {
    const char *text;
    int64_t seconds; /* -1: none */
} dates[] = {
    {"1970-01-01", 86399},
    {"2027-06-30", 1814399999},
    {"2027-06-30T00:00:00Z", 1814313600},
    {"2027-06-30T23:59:59Z", 1814399999},
    {"2028-02-29", 1835481599},
    {"2000-02-29", 951868799},
    {"9999-12-31T23:59:59Z", 253402300799},
    {"1970-01-01T00:00:00Z", 0},
    {"1969-12-31", -1},
    {"2027-02-29", -1},
    {"2100-02-29", -1},
    {"2027-04-31", -1},
    {"2027-00-10", -1},
    {"2027-13-10", -1},
    {"2027-06-00", -1},
    {"2027-06-31", -1},
    {"2027-06-30T24:00:00Z", -1},
    {"2027-06-30T23:60:00Z", -1},
    {"2027-06-30T23:59:60Z", -1},
    {"2027-06-30T23:59:59", -1},
    {"2027-06-30T23:59:59z", -1},
    {"2027-06-30T23:59Z", -1},
    {"2027-06-30T23:59:59+02:00", -1},
    {"2027-06-30 23:59:59Z", -1},
    {"2027-6-30", -1},
    {"2027/06/30", -1},
    {"20270630", -1},
    {"2027-06-3O", -1},
    {"+027-06-30", -1},
    {" 2027-06-30", -1},
    {"2027-06-30 ", -1},
    {"30", -1},
    {"never", -1},
    {"", -1},
};

START_TEST(date) {
    int64_t seconds = -1;
    char printed[DATE_TEXT];
    size_t n = strlen(dates[_i].text);
    struct slice text = {unit_guarded(dates[_i].text, n), n};
    ck_assert_int_eq(date_read(&seconds, text), dates[_i].seconds != -1);
    ck_assert_int_eq(seconds, dates[_i].seconds);
    if (seconds == -1)
        return;
    date_print(printed, seconds);
    ck_assert_int_eq(strncmp(printed, dates[_i].text, 10), 0);
    ck_assert(date_read(&seconds, (struct slice){printed, strlen(printed)}));
    ck_assert_int_eq(seconds, dates[_i].seconds);
}
END_TEST

static const struct {
    const char *text;
    int64_t seconds; /* -1: none */
    bool local;
} compact[] = {
    {"20270630", 1814313600, true},
    {"20270630Z", 1814313600, false},
    {"20270630UTC", 1814313600, false},
    {"20270630utc", 1814313600, false},
    {"202706301230", 1814358600, true},
    {"202706301230z", 1814358600, false},
    {"20270630123045", 1814358645, true},
    {"20270630123045Z", 1814358645, false},
    {"99991231235959Z", 253402300799, false},
    {"20270630ZZ", -1, false},
    {"20270630UTCZ", -1, false},
    {"20270630123", -1, false},
    {"2027063012304", -1, false},
    {"202706301230456", -1, false},
    {"20270631", -1, false},
    {"20270229", -1, false},
    {"202706302400", -1, false},
    {"20270630235960", -1, false},
    {"19691231", -1, false},
    {"2027-06-30", -1, false},
    {"+1d", -1, false},
    {"Z", -1, false},
    {"UTC", -1, false},
    {"", -1, false},
};

START_TEST(compact_date) {
    int64_t seconds = -1;
    bool local;
    size_t n = strlen(compact[_i].text);
    struct slice text = {unit_guarded(compact[_i].text, n), n};
    bool good = date_read_compact(&seconds, &local, text);
    ck_assert_int_eq(good, compact[_i].seconds != -1);
    ck_assert_int_eq(seconds, compact[_i].seconds);
    ck_assert(!good || local == compact[_i].local);
}
END_TEST

/* ---- lines of tokens ---- */

#define HEX "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define S "sha256:" HEX
#define WORD "has a word that is neither expires= nor from="
#define DATE "expires= is no date: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"
#define DIGITS "sha256: has not 64 hexadecimal digits behind it"
#define START "does not begin with sha256:"

static const struct {
    const char *line;
    size_t n;
    bool secret;
    const char *reason; /* unusable; neither: nothing */
    int64_t expires;
    const char *from;
} lines[] = {
    {BYTES(""), false, NULL, 0, NULL},
    {BYTES(" \t\r"), false, NULL, 0, NULL},
    {BYTES("# " S), false, NULL, 0, NULL},
    {BYTES(" #"), false, NULL, 0, NULL},
    {BYTES(S), true, NULL, DATE_NEVER, ""},
    {BYTES(S "\r"), true, NULL, DATE_NEVER, ""},
    {BYTES(" \t" S " \t\r"), true, NULL, DATE_NEVER, ""},
    {BYTES(S " expires=2027-06-30"), true, NULL, 1814399999, ""},
    {BYTES(S " expires=2027-06-30T00:00:00Z\r"), true, NULL, 1814313600, ""},
    {BYTES(S " from=192.0.2.0/24"), true, NULL, DATE_NEVER, "192.0.2.0/24"},
    {BYTES(S "\tfrom=::1,10.0.0.0/8 \t expires=2027-06-30"), true, NULL, 1814399999,
     "::1,10.0.0.0/8"},
    {BYTES(S " # a comment of its own"), false, WORD, 0, NULL},
    {BYTES(S " expires=2027-02-29"), false, DATE, 0, NULL},
    {BYTES(S " expires=never"), false, DATE, 0, NULL},
    {BYTES(S " expires="), false, DATE, 0, NULL},
    {BYTES(S " Expires=2027-06-30"), false, WORD, 0, NULL},
    {BYTES(S " expires =2027-06-30"), false, WORD, 0, NULL},
    {BYTES(S " expires=2027-06-30 expires=2028-06-30"), false, "has expires= twice", 0, NULL},
    {BYTES(S " from=192.0.2.1/24"), false, HOST_BITS, 0, NULL},
    {BYTES(S " from="), false, EMPTY, 0, NULL},
    {BYTES(S " from=192.0.2.1, 192.0.2.2"), false, EMPTY, 0, NULL},
    {BYTES(S " from=!192.0.2.1"), false, NONE, 0, NULL},
    {BYTES(S " from=192.0.2.1 from=192.0.2.2"), false, "has from= twice", 0, NULL},
    {BYTES(S " " S), false, WORD, 0, NULL},
    {BYTES(S "\rfrom=192.0.2.1"), false, DIGITS, 0, NULL},
    {BYTES(S "0"), false, DIGITS, 0, NULL},
    {BYTES("sha256:"), false, DIGITS, 0, NULL},
    {BYTES("sha256: " HEX), false, DIGITS, 0, NULL},
    {BYTES("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg"), false,
     DIGITS, 0, NULL},
    {BYTES("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"), false, DIGITS,
     0, NULL},
    {BYTES("SHA256:" HEX), false, START, 0, NULL},
    {BYTES("sha512:" HEX), false, START, 0, NULL},
    {BYTES(HEX), false, START, 0, NULL},
    {BYTES("bastion_" HEX), false, START, 0, NULL},
    {BYTES("\0" S), false, START, 0, NULL},
    {BYTES(S "\0"), false, DIGITS, 0, NULL},
    {BYTES(S " \0"), false, WORD, 0, NULL},
    {BYTES(S " from=192.0.2.1\0"), false, NONE, 0, NULL},
};

START_TEST(token_line) {
    struct token_line l;
    token_line_read(&l, (struct slice){unit_guarded(lines[_i].line, lines[_i].n), lines[_i].n});
    ck_assert_int_eq(l.kind, lines[_i].secret           ? TOKEN_LINE_SECRET
                             : lines[_i].reason != NULL ? TOKEN_LINE_UNUSABLE
                                                        : TOKEN_LINE_NOTHING);
    ck_assert_pstr_eq(l.reason, lines[_i].reason);
    if (!lines[_i].secret)
        return;
    static const unsigned char digest[SHA256_SIZE] =
        "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"
        "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";
    ck_assert_mem_eq(l.digest, digest, SHA256_SIZE);
    ck_assert_int_eq(l.expires, lines[_i].expires);
    ck_assert_uint_eq(l.from.n, strlen(lines[_i].from));
    ck_assert(l.from.n == 0 || slice_is(l.from, lines[_i].from));
}
END_TEST

Suite *unit_token_file(void) {
    Suite *s = suite_create("token_file");
    TCase *tc = tcase_create("token_file");
    tcase_add_loop_test(tc, network, 0, COUNT(networks));
    tcase_add_test(tc, network_with_a_nul);
    tcase_add_loop_test(tc, from_list, 0, COUNT(lists));
    tcase_add_loop_test(tc, date, 0, COUNT(dates));
    tcase_add_loop_test(tc, compact_date, 0, COUNT(compact));
    tcase_add_loop_test(tc, token_line, 0, COUNT(lines));
    suite_add_tcase(s, tc);
    return s;
}
