/* num, buf, clock, env, ip and ucspi. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/ip.h"
#include "base/num.h"
#include "base/ucspi.h"
#include "unit.h"

static Suite *suite(const char *name, const TTest *test, size_t rows) {
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_add_loop_test(tc, test, 0, (int)rows);
    suite_add_tcase(s, tc);
    return s;
}

static const struct {
    const char *text;
    uint64_t max;
    bool good;
    uint64_t value;
} numbers[] = {
    {"0", 10, true, 0},
    {"10", 10, true, 10},
    {"11", 10, false, 0},
    {"007", 10, true, 7},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"99999999999999999999999", UINT64_MAX, false, 0},
    {"", 10, false, 0},
    {"+5", 10, false, 0},
    {"-1", 10, false, 0},
    {" 5", 10, false, 0},
    {"5 ", 10, false, 0},
    {"5, 6", 10, false, 0},
    {"5x", 10, false, 0},
    {"0x5", 10, false, 0},
    {"5\n", 10, false, 0},
};

START_TEST(number) {
    size_t n = strlen(numbers[_i].text);
    uint64_t value = 77;
    ck_assert_int_eq(num_decimal(unit_guarded(numbers[_i].text, n), n, numbers[_i].max, &value),
                     numbers[_i].good);
    ck_assert_uint_eq(value, numbers[_i].good ? numbers[_i].value : 77);
}
END_TEST

Suite *unit_num(void) { return suite("num", number, COUNT(numbers)); }

START_TEST(buffer_fills_and_stays_full) {
    char text[8];
    struct buf b = BUF_ON(text);
    buf_text(&b, "1234567");
    ck_assert_str_eq(buf_string(&b), "1234567");
    buf_char(&b, '8');
    ck_assert(!b.full && buf_string(&b) == NULL); /* no room for the NUL */
    buf_char(&b, '9');
    ck_assert(b.full && b.len == 8);
    b = BUF_ON(text);
    buf_format(&b, "%s", "12345678");
    ck_assert(b.full);
    buf_text(&b, "x");
    ck_assert(b.len == 0);
}
END_TEST

Suite *unit_buf(void) { return suite("buf", buffer_fills_and_stays_full, 1); }

START_TEST(deadlines) {
    struct timespec ts;
    ck_assert(clock_left(CLOCK_NEVER, 5, &ts) == NULL);
    ck_assert(clock_left(1500, 0, &ts) == &ts && ts.tv_sec == 1 && ts.tv_nsec == 500000000);
    ck_assert(clock_left(5, 10, &ts) == &ts && ts.tv_sec == 0 && ts.tv_nsec == 0);
    ck_assert_int_eq(clock_after(10, CLOCK_NEVER), CLOCK_NEVER);
    ck_assert_int_eq(clock_earlier(3, CLOCK_NEVER), 3);
    char stamp[CLOCK_STAMP], date[CLOCK_HTTP_DATE];
    clock_stamp(stamp);
    clock_http_date(date);
    ck_assert_uint_eq(strlen(stamp), sizeof stamp - 1);
    ck_assert_uint_eq(strlen(date), sizeof date - 1);
    ck_assert(stamp[10] == 'T' && stamp[23] == 'Z' && strcmp(date + 25, " GMT") == 0);
}
END_TEST

Suite *unit_clock(void) { return suite("clock", deadlines, 1); }

static bool not_b(const char *name, size_t n) { return !(n == 1 && *name == 'B'); }

START_TEST(environment) {
    static struct env e;
    char *source[] = {TEXT("A=1"),      TEXT("B=2"),    TEXT("=odd"),
                      TEXT("noequals"), TEXT("BB=3=4"), NULL};
    env_start(&e);
    env_copy(&e, source, not_b);
    env_set(&e, "C", "x y");
    char *const *list = env_list(&e);
    ck_assert_str_eq(list[0], "A=1");
    ck_assert_str_eq(list[1], "BB=3=4");
    ck_assert_str_eq(list[2], "C=x y");
    ck_assert_ptr_null(list[3]);
    ck_assert_str_eq(env_get(list, "BB"), "3=4");
    ck_assert_ptr_null(env_get(list, "B"));
    static char *many[LIMIT_ENVIRONMENT + 2];
    for (size_t i = 0; i < LIMIT_ENVIRONMENT + 1; i++)
        many[i] = source[0];
    env_start(&e);
    env_copy(&e, many, not_b);
    ck_assert_ptr_null(env_list(&e)); /* one too many: refused, not cut */
}
END_TEST

Suite *unit_env(void) { return suite("env", environment, 1); }

static const struct {
    const char *text, *address;
} addresses[] = {
    {"192.0.2.7", "192.0.2.7"},
    {"192.0.2.7:8080", "192.0.2.7"},
    {"::ffff:192.0.2.7", "192.0.2.7"},
    {"[::ffff:192.0.2.7]:80", "192.0.2.7"},
    {"2001:DB8:0:0::1", "2001:db8::1"},
    {"[2001:db8::1]:443", "2001:db8::1"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"fe80::1%eth0", "fe80::1"},
    {"[fe80::1%eth0]:22", "fe80::1"},
    {"", NULL},
    {"host.example", NULL},
    {"192.0.2.7 evil=1", NULL},
    {"192.0.2.7\nx", NULL},
    {"1.2.3", NULL},
    {"[::1", "::1"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     NULL},
};

START_TEST(address) {
    char out[LIMIT_PEER];
    bool good = ucspi_address(out, addresses[_i].text);
    ck_assert_int_eq(good, addresses[_i].address != NULL);
    if (good)
        ck_assert_str_eq(out, addresses[_i].address);
}
END_TEST

START_TEST(peer_precedence) {
    char out[LIMIT_PEER];
    char *all[] = {TEXT("REMOTE_ADDR=192.0.2.3"), TEXT("TCPREMOTEADDR=192.0.2.2:1"),
                   TEXT("TCPREMOTEIP=192.0.2.1"), NULL};
    char *two[] = {TEXT("REMOTE_ADDR=192.0.2.3"), TEXT("TCPREMOTEADDR=192.0.2.2:1"),
                   TEXT("TCPREMOTEIP=nonsense"), NULL};
    char *one[] = {TEXT("REMOTE_ADDR=192.0.2.3"), NULL}, *none[] = {NULL};
    int pair[2];
    ucspi_peer(out, all, 0);
    ck_assert_str_eq(out, "192.0.2.1");
    ucspi_peer(out, two, 0);
    ck_assert_str_eq(out, "192.0.2.2");
    ucspi_peer(out, one, 0);
    ck_assert_str_eq(out, "192.0.2.3");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ucspi_peer(out, none, pair[0]);
    ck_assert_str_eq(out, "local");
    ck_assert_int_eq(pipe(pair), 0);
    ucspi_peer(out, none, pair[0]);
    ck_assert_str_eq(out, "unknown");
}
END_TEST

START_TEST(superserver_names) {
    const char *ours[] = {"TCPREMOTEIP",  "TCPREMOTEHOST", "TCPREMOTEINFO",
                          "TCPLOCALPORT", "PROTO",         "REMOTE_ADDR",
                          "LISTEN_FDS",   "SSL_CIPHER",    "SSL_CLIENT_S_DN_CN"};
    const char *theirs[] = {"PATH", "DOCKER_HOST", "SSL_CERT_FILE", "TCP", "REMOTE", "PROTOCOL"};
    for (size_t i = 0; i < COUNT(ours); i++)
        ck_assert_msg(ucspi_owns(ours[i], strlen(ours[i])), "%s", ours[i]);
    for (size_t i = 0; i < COUNT(theirs); i++)
        ck_assert_msg(!ucspi_owns(theirs[i], strlen(theirs[i])), "%s", theirs[i]);
}
END_TEST

/* Each pair is one address, in two forms, or two, and they are this machine's own or not. */
static const struct {
    const char *one, *other;
    bool same, loopback;
} pairs[] = {
    {"192.0.2.1", "::ffff:192.0.2.1", true, false},
    {"192.0.2.1", "::ffff:c000:201", true, false},
    {"127.255.0.9", "::ffff:127.255.0.9", true, true},
    {"::1", "0:0:0:0:0:0:0:1", true, true},
    {"192.0.2.1", "::192.0.2.1", false, false},
    {"192.0.2.1", "64:ff9b::192.0.2.1", false, false},
    {"2001:db8::1", "2001:DB8:0::1", true, false},
    {"2001:db8::1", "2001:db8::2", false, false},
};

START_TEST(same_address) {
    struct ip one, other, again;
    struct sockaddr_storage ss;
    unsigned char mapped[2][16];
    char text[2][LIMIT_PEER];
    unsigned port = 0;
    ck_assert(ip_read(&one, pairs[_i].one) && ip_read(&other, pairs[_i].other));
    socklen_t n = ip_to_socket(&ss, &other, 8080);
    ck_assert_uint_eq(n, other.n == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    ck_assert(ip_of_socket(&again, &port, &ss));
    ck_assert_uint_eq(port, 8080);
    ip_unmap(&one);
    ip_unmap(&again);
    ip_print(text[0], &one);
    ip_print(text[1], &again);
    ck_assert_msg((strcmp(text[0], text[1]) == 0) == pairs[_i].same, "%s %s", text[0], text[1]);
    ip_map(mapped[0], &one);
    ip_map(mapped[1], &other);
    ck_assert_int_eq(memcmp(mapped[0], mapped[1], 16) == 0, pairs[_i].same);
    ck_assert_int_eq(ip_is_loopback(&one), pairs[_i].loopback);
}
END_TEST

START_TEST(no_address) {
    static const char *const none[] = {"",      "192.0.2",      "192.0.2.1 ",   "192.0.2.256",
                                       "[::1]", "fe80::1%eth0", "192.0.2.1:80", "host"};
    struct ip ip;
    unsigned port;
    for (size_t i = 0; i < COUNT(none); i++)
        ck_assert_msg(!ip_read(&ip, none[i]), "%s", none[i]);
    ck_assert(!ip_of_socket(&ip, &port, &(struct sockaddr_storage){.ss_family = AF_UNIX}));
}
END_TEST

Suite *unit_ip(void) {
    Suite *s = suite("ip", same_address, COUNT(pairs));
    TCase *tc = tcase_create("no address");
    tcase_add_test(tc, no_address);
    suite_add_tcase(s, tc);
    return s;
}

Suite *unit_ucspi(void) {
    Suite *s = suite("ucspi", address, COUNT(addresses));
    TCase *tc = tcase_create("peer");
    tcase_add_test(tc, peer_precedence);
    tcase_add_test(tc, superserver_names);
    suite_add_tcase(s, tc);
    return s;
}
