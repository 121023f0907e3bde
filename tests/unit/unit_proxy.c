/* Where a client is behind proxies: the list of those that are trusted, X-Forwarded-For, the header
 * of the PROXY protocol. */
#include <stdio.h>
#include <string.h>

#include "base/networks.h"
#include "core/client.h"
#include "limit.h"
#include "unit.h"
#include "wire/forwarded_for.h"
#include "wire/proxy_protocol.h"

/* ---- the list ---- */

static const struct {
    const char *list, *address;
    bool has;
} lists[] = {
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.0/24", "192.0.2.255", true},
    {"10.0.0.0/8,192.0.2.0/24", "192.0.2.9", true},
    {"10.0.0.0/8, 192.0.2.0/24", "192.0.2.9", true},
    {"10.0.0.0/8 192.0.2.0/24\n2001:db8::/32\n", "2001:db8::9", true},
    {",, 10.0.0.0/8 ,,", "10.1.2.3", true},
    {"::ffff:192.0.2.0/120", "192.0.2.1", true},
    {"192.0.2.0/24", "::ffff:192.0.2.1", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "192.0.2.1", false},
    {"192.0.2.1/24 192.0.2", "192.0.2.1", false},
    {"localhost", "127.0.0.1", false},
    {"", "127.0.0.1", false},
    {"192.0.2.1", "local", false},
    {"192.0.2.1", "unknown", false},
    {NULL, "192.0.2.1", false},
};

START_TEST(lists_have) {
    ck_assert_int_eq(networks_have_text(lists[_i].list, lists[_i].address), lists[_i].has);
}
END_TEST

/* ---- X-Forwarded-For ---- */

#define TRUSTED "192.0.2.0/24, 2001:db8:1::/48"

static const struct {
    const char *first, *second; /* the field's lines, or NULL */
    const char *client;         /* for whom a peer at 192.0.2.1 speaks */
} forwarded[] = {
    {NULL, NULL, "192.0.2.1"},
    {"", NULL, "192.0.2.1"},
    {" , ,, ", "", "192.0.2.1"},
    {"203.0.113.5", NULL, "203.0.113.5"},
    {"198.51.100.1, 203.0.113.5", NULL, "203.0.113.5"},
    {"198.51.100.1,203.0.113.5", NULL, "203.0.113.5"},
    {"198.51.100.1\t,\t203.0.113.5 ,, , ", NULL, "203.0.113.5"},
    {"203.0.113.5, 192.0.2.7", NULL, "203.0.113.5"},
    {"203.0.113.5, 192.0.2.7, 2001:db8:1::1", NULL, "203.0.113.5"},
    {"198.51.100.1", "203.0.113.5", "203.0.113.5"},
    {"198.51.100.1, 203.0.113.5", "192.0.2.8", "203.0.113.5"},
    {"203.0.113.5", ",", "203.0.113.5"},
    /* all of them proxies */
    {"192.0.2.9, 192.0.2.7", NULL, "192.0.2.1"},
    /* as proxies write them */
    {"203.0.113.5:51234", NULL, "203.0.113.5"},
    {"203.0.113.5:0", NULL, "203.0.113.5"},
    {"2001:db8::5", NULL, "2001:db8::5"},
    {"2001:DB8:0:0::5", NULL, "2001:db8::5"},
    {"[2001:db8::5]", NULL, "2001:db8::5"},
    {"[2001:db8::5]:51234", NULL, "2001:db8::5"},
    {"::ffff:203.0.113.5", NULL, "203.0.113.5"},
    {"[::ffff:203.0.113.5]:443", NULL, "203.0.113.5"},
    {"::ffff:192.0.2.7", NULL, "192.0.2.1"},
    /* nobody can be named, where it matters: as little as what stands before it */
    {"unknown", NULL, "unknown"},
    {"203.0.113.5, unknown", NULL, "unknown"},
    {"203.0.113.5, _hidden, 192.0.2.7", NULL, "unknown"},
    {"unknown, 203.0.113.5", NULL, "203.0.113.5"},
    {"203.0.113.5 192.0.2.7", NULL, "unknown"},
    {"203.0.113.5;192.0.2.7", NULL, "unknown"},
    {"\"203.0.113.5\"", NULL, "unknown"},
    {"203.0.113.5:", NULL, "unknown"},
    {"203.0.113.5:x", NULL, "unknown"},
    {"203.0.113.5:65536", NULL, "unknown"},
    {"203.0.113.5:1:2", NULL, "unknown"},
    {"203.0.113.05", NULL, "unknown"},
    {"203.0.113", NULL, "unknown"},
    {"203.0.113.5/32", NULL, "unknown"},
    {"[203.0.113.5]:1", NULL, "unknown"},
    {"[2001:db8::5", NULL, "unknown"},
    {"[2001:db8::5]x", NULL, "unknown"},
    {"[2001:db8::5]:", NULL, "unknown"},
    {"2001:db8::5]", NULL, "unknown"},
    {"fe80::5%eth0", NULL, "unknown"},
    {"[]", NULL, "unknown"},
    {"[", NULL, "unknown"},
    {":", NULL, "unknown"},
    {":80", NULL, "unknown"},
    {"localhost", NULL, "unknown"},
};

static void add_line(struct forwarded_for *f, const char *line) {
    size_t n = line != NULL ? strlen(line) : 0;
    if (line != NULL)
        forwarded_for_add(f, (struct slice){unit_guarded(line, n), n});
}

static void expect_client(const struct forwarded_for *f, const char *client) {
    char got[LIMIT_PEER];
    client_of_forwarded(got, TRUSTED, "192.0.2.1", (const char *)f->address, f->n, f->more);
    ck_assert_str_eq(got, client);
}

START_TEST(forwarded_client) {
    struct forwarded_for f = {.n = 0};
    add_line(&f, forwarded[_i].second); /* the last line first */
    add_line(&f, forwarded[_i].first);
    expect_client(&f, forwarded[_i].client);
}
END_TEST

/* Of a very long list the last few count; where all of those are proxies, nobody is known. */
START_TEST(forwarded_much) {
    char line[9000] = "";
    struct forwarded_for f = {.n = 0};
    while (strlen(line) < 8192)
        strcat(line, "198.51.100.1, ");
    strcat(line, "203.0.113.5");
    add_line(&f, line);
    expect_client(&f, "203.0.113.5");
    for (size_t n = LIMIT_FORWARDED - 1; n <= LIMIT_FORWARDED + 1; n++) {
        f = (struct forwarded_for){.n = 0};
        for (size_t i = 0; i < n; i++)
            add_line(&f, "192.0.2.7");
        add_line(&f, "203.0.113.5");
        expect_client(&f, n < LIMIT_FORWARDED ? "203.0.113.5" : "unknown");
    }
    f = (struct forwarded_for){.n = 0};
    for (size_t i = 0; i < LIMIT_FORWARDED; i++)
        add_line(&f, "192.0.2.7");
    expect_client(&f, "192.0.2.1");
}
END_TEST

/* ---- the PROXY protocol ---- */

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc6\x33\x64\x01\xcb\x00\x71\x05\xc3\x50\x01\xbb"
#define EIGHT "\x20\x01\x0d\xb8\x00\x00\x00\x00"
#define SIX EIGHT "\0\0\0\0\0\0\0\1" EIGHT "\0\0\0\0\0\0\0\2\xc3\x50\x01\xbb"
#define MAPPED                                                                                     \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01" EIGHT "\0\0\0\0\0\0\0\2\xc3\x50\x01\xbb"
#define PATH18 "/path/of/a/socket\0"
#define PATHS PATH18 PATH18 PATH18 PATH18 PATH18 PATH18 PATH18 PATH18 PATH18 PATH18 PATH18 PATH18

static const struct {
    const char *at;
    size_t n;
    const char *client; /* NULL: bad; "": none is named */
    unsigned port;
} headers[] = {
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 50000 443\r\n"), "198.51.100.1", 50000},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255", 65535},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 0 0\r\n"), "198.51.100.1", 0},
    {BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n"), "2001:db8::1", 50000},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535},
    {BYTES("PROXY TCP6 ::ffff:198.51.100.1 ::1 50000 443\r\n"), "198.51.100.1", 50000},
    {BYTES("PROXY UNKNOWN\r\n"), "", 0},
    {BYTES("PROXY UNKNOWN 198.51.100.1 203.0.113.5 50000 443\r\n"), "", 0},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "", 0}, /* 107 bytes: the longest */
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n"),
     NULL, 0}, /* 108 */
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 50000 443\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 50000 443 \r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 50000  443\r\n"), NULL, 0},
    {BYTES("PROXY  TCP4 198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4\t198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 50000\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 50000 443 1\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 050000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 65536 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 203.0.113.5 -1 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.01 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1 host 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP4 198.51.100.1\0 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP6 198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP6 fe80::1%eth0 2001:db8::2 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP6 [2001:db8::1] 2001:db8::2 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY UDP4 198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY TCP5 198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXY UNKNOWN1\r\n"), NULL, 0},
    {BYTES("PROXY unknown\r\n"), NULL, 0},
    {BYTES("PROXY UNKNOW\r\n."), NULL, 0},
    {BYTES("proxy TCP4 198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("PROXYTCP4 198.51.100.1 203.0.113.5 50000 443\r\n"), NULL, 0},
    {BYTES("GET / HTTP/1.1\r\n\r\n"), NULL, 0},
    {BYTES("SSH-2.0-OpenSSH_9.2\r\n"), NULL, 0},
    {BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), NULL, 0},
    {BYTES("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"), NULL, 0},
    {BYTES(SIGNATURE "\x21\x11\0\x0c" FOUR), "198.51.100.1", 50000},
    {BYTES(SIGNATURE "\x21\x21\0\x24" SIX), "2001:db8::1", 50000},
    {BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED), "198.51.100.1", 50000},
    /* additional values: a checksum, an authority; and what is none */
    {BYTES(SIGNATURE "\x21\x11\0\x1b" FOUR "\x03\0\4abcd\x02\0\5a.b.c"), "198.51.100.1", 50000},
    {BYTES(SIGNATURE "\x21\x11\0\x0f" FOUR "\xff\xff\xff"), "198.51.100.1", 50000},
    {BYTES(SIGNATURE "\x20\x00\0\0"), "", 0}, /* LOCAL */
    {BYTES(SIGNATURE "\x20\x11\0\x0c" FOUR), "", 0},
    {BYTES(SIGNATURE "\x20\x11\0\x03"
                     "abc"),
     "", 0},
    {BYTES(SIGNATURE "\x20\xff\0\0"), "", 0},
    {BYTES(SIGNATURE "\x21\x00\0\0"), "", 0}, /* of no family */
    {BYTES(SIGNATURE "\x21\x00\0\x04"
                     "abcd"),
     "", 0},
    {BYTES(SIGNATURE "\x21\x31\0\xd8" PATHS), "", 0}, /* AF_UNIX */
    {BYTES(SIGNATURE "\x21\x31\0\xd7" PATHS), NULL, 0},
    {BYTES(SIGNATURE "\x21\x11\0\x0b" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x21\x11\0\0"), NULL, 0},
    {BYTES(SIGNATURE "\x21\x21\0\x23" SIX), NULL, 0},
    {BYTES(SIGNATURE "\x21\x21\0\x0c" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x21\x12\0\x0c" FOUR), NULL, 0}, /* datagrams */
    {BYTES(SIGNATURE "\x21\x22\0\x24" SIX), NULL, 0},
    {BYTES(SIGNATURE "\x21\x32\0\xd8" PATHS), NULL, 0},
    {BYTES(SIGNATURE "\x21\x01\0\0"), NULL, 0},
    {BYTES(SIGNATURE "\x21\x10\0\x0c" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x21\x41\0\x0c" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x22\x11\0\x0c" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x11\x11\0\x0c" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x31\x11\0\x0c" FOUR), NULL, 0},
    {BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x21\x11\xff\xff" FOUR), NULL, 0},
    {BYTES(SIGNATURE "\x20\x00\xff\xff"), NULL, 0},
};

/* Reads as the program does: what is asked for, in pieces of `step` bytes at most. Never more is
 * asked for than the header has. */
static enum proxy_protocol_result read_in_steps(struct proxy_protocol *h, const char *at, size_t n,
                                                size_t step) {
    size_t have = 0, more;
    for (;;) {
        enum proxy_protocol_result result =
            proxy_protocol_read(h, unit_guarded(at, have), have, &more);
        if (result != PROXY_PROTOCOL_MORE)
            return result == PROXY_PROTOCOL_DONE && have != n ? PROXY_PROTOCOL_MORE : result;
        ck_assert_uint_gt(more, 0);
        if (have == n)
            return PROXY_PROTOCOL_MORE;
        size_t take = more < step ? more : step;
        have += take < n - have ? take : n - have;
    }
}

START_TEST(header) {
    static const size_t steps[] = {1, 7, 64, 65536};
    const char *client = headers[_i].client;
    for (size_t s = 0; s < COUNT(steps); s++) {
        struct proxy_protocol h;
        char text[LIMIT_PEER] = "";
        enum proxy_protocol_result result =
            read_in_steps(&h, headers[_i].at, headers[_i].n, steps[s]);
        ck_assert_int_eq(result, client != NULL ? PROXY_PROTOCOL_DONE : PROXY_PROTOCOL_BAD);
        if (client == NULL)
            continue;
        ck_assert_int_eq(h.has_client, client[0] != '\0');
        if (h.has_client)
            ip_print(text, &h.client);
        ck_assert_str_eq(text, client);
        ck_assert_uint_eq(h.client_port, headers[_i].port);
    }
}
END_TEST

/* What stands behind a header is asked for by nobody; a part of one is never taken for the whole.
 */
START_TEST(header_and_more) {
    struct proxy_protocol h;
    size_t more;
    if (headers[_i].client == NULL)
        return;
    for (size_t n = 0; n < headers[_i].n; n++) {
        ck_assert_int_eq(proxy_protocol_read(&h, unit_guarded(headers[_i].at, n), n, &more),
                         PROXY_PROTOCOL_MORE);
        ck_assert_uint_le(more, headers[_i].n - n);
    }
}
END_TEST

/* Of a long one only the beginning has to be there. */
START_TEST(long_header) {
    static const struct {
        unsigned length;
        bool good;
    } lengths[] = {{LIMIT_PROXY_HEADER - PROXY_PROTOCOL_FIXED, true},
                   {LIMIT_PROXY_HEADER - PROXY_PROTOCOL_FIXED + 1, false}};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        char in[PROXY_PROTOCOL_LINE] = SIGNATURE "\x21\x11";
        struct proxy_protocol h;
        size_t more;
        in[14] = (char)(lengths[i].length >> 8);
        in[15] = (char)(lengths[i].length & 0xff);
        memcpy(in + 16, FOUR, 12);
        const char *at = unit_guarded(in, sizeof in);
        enum proxy_protocol_result first = proxy_protocol_read(&h, at, sizeof in, &more);
        if (!lengths[i].good) {
            ck_assert_int_eq(first, PROXY_PROTOCOL_BAD);
            continue;
        }
        ck_assert_int_eq(first, PROXY_PROTOCOL_MORE);
        ck_assert_uint_eq(more, LIMIT_PROXY_HEADER - sizeof in);
        ck_assert_int_eq(proxy_protocol_read(&h, at, LIMIT_PROXY_HEADER, &more),
                         PROXY_PROTOCOL_DONE);
        ck_assert(h.has_client && h.client_port == 50000 && h.server_port == 443);
    }
}
END_TEST

Suite *unit_proxy(void) {
    Suite *s = suite_create("proxy");
    TCase *tc = tcase_create("proxy");
    tcase_add_loop_test(tc, lists_have, 0, (int)COUNT(lists));
    tcase_add_loop_test(tc, forwarded_client, 0, (int)COUNT(forwarded));
    tcase_add_test(tc, forwarded_much);
    tcase_add_loop_test(tc, header, 0, (int)COUNT(headers));
    tcase_add_loop_test(tc, header_and_more, 0, (int)COUNT(headers));
    tcase_add_test(tc, long_header);
    suite_add_tcase(s, tc);
    return s;
}
