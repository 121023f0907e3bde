/* Which connections process 1 serves, which have to wait, and which make room: the limits, the
 * penalties, the places of those who wait. Each test runs in a process of its own, so that the
 * tables are empty. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/ip.h"
#include "unit.h"
#include "../init/connection.h"
#include "../init/connection_limits.h"
#include "../init/penalty.h"
#include "../init/room.h"
#include "../init/waiting.h"

static const struct connection_limits limits = {.all = 64, .per_address = 16};
static int64_t now = 1000000;
static pid_t next_pid = 100;

static struct source from(const char *address) {
    struct sockaddr_storage peer;
    struct source s;
    struct ip ip;
    ck_assert(ip_read(&ip, address));
    ip_to_socket(&peer, &ip, 4242);
    source_of_socket(&s, &peer, NULL);
    return s;
}

/* An IPv4 address of that number. */
static struct source host(unsigned n) {
    char text[LIMIT_PEER];
    snprintf(text, sizeof text, "198.51.%u.%u", n / 250, n % 250 + 1);
    return from(text);
}

static struct connection *add(const struct source *s, enum connection_state state) {
    connection_add(&(struct connection){.pid = ++next_pid,
                                        .link = next_pid,
                                        .since = now,
                                        .source = *s,
                                        .state = (unsigned char)state});
    return connection_find(next_pid);
}

static void add_many(const struct source *s, enum connection_state state, int n) {
    while (n-- > 0)
        add(s, state);
}

static struct connection_verdict judge(const struct source *s, uint32_t random) {
    struct connection_request r = {.source = s, .random = random};
    return connection_limits_judge(&limits, &r, now);
}

static size_t open_ones(void) {
    size_t n;
    connection_all(&n);
    return n;
}

/* Nobody is there, and what was owed is long forgiven. */
static void begin(void) {
    struct connection *all;
    size_t n;
    while ((all = connection_all(&n), n > 0))
        connection_remove(all);
    while (waiting_count() > 0)
        waiting_remove(0);
    now += 3600000;
}

static TCase *test_case(Suite *s, const char *name) {
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, begin, NULL);
    suite_add_tcase(s, tc);
    return tc;
}

/* ---- what is counted as one ---- */

static const struct {
    const char *one, *other;
    bool client, site, wide;
} pairs[] = {
    {"192.0.2.1", "192.0.2.1", true, false, false},
    {"192.0.2.1", "192.0.2.2", false, false, false},
    {"192.0.2.1", "::ffff:192.0.2.1", true, false, false},
    {"2001:db8:1:1::1", "2001:db8:1:1:ffff::2", true, true, true},
    {"2001:db8:1:1::1", "2001:db8:1:2::1", false, true, true},
    {"2001:db8:1:1::1", "2001:db8:1:ff00::1", false, false, true},
    {"2001:db8:1:1::1", "2001:db8:2:1::1", false, false, false},
    {"::1", "::1", true, false, false},
    {"::1", "::2", false, false, false},
    {"::2", "192.0.2.1", false, false, false}, /* which has zeros in front as well, when mapped */
};

START_TEST(same_source) {
    struct source a = from(pairs[_i].one), b = from(pairs[_i].other);
    ck_assert_int_eq(source_is_same(&a, &b, SOURCE_CLIENT), pairs[_i].client);
    ck_assert_int_eq(source_is_same(&a, &b, SOURCE_SITE), pairs[_i].site);
    ck_assert_int_eq(source_is_same(&b, &a, SOURCE_WIDE), pairs[_i].wide);
}
END_TEST

/* ---- the limits ---- */

START_TEST(limits_of_known_ones) {
    struct source a = host(1), loopback = from("127.0.0.1");
    add_many(&a, CONNECTION_KNOWN, 15);
    ck_assert_int_eq(judge(&a, 0).what, CONNECTION_SERVE);
    add(&a, CONNECTION_KNOWN);
    struct connection_verdict v = judge(&a, 0);
    ck_assert_int_eq(v.what, CONNECTION_REFUSE);
    ck_assert_str_eq(v.reason, "MAX_CONNECTIONS_PER_ADDRESS: as many connections are open");
    for (unsigned n = 2; open_ones() < 64; n++) {
        struct source other = host(n);
        ck_assert_int_eq(judge(&other, 0).what, CONNECTION_SERVE);
        add(&other, CONNECTION_KNOWN);
    }
    struct source other = host(1000);
    v = judge(&other, 0);
    ck_assert_int_eq(v.what, CONNECTION_REFUSE);
    ck_assert_str_eq(v.reason, "MAX_CONNECTIONS: as many connections are open");
    for (int i = 0; i < LIMIT_SPARE_CONNECTIONS; i++) {
        ck_assert_int_eq(judge(&loopback, 0).what, CONNECTION_SERVE);
        add(&loopback, CONNECTION_KNOWN);
    }
    ck_assert_int_eq(judge(&loopback, 0).what, CONNECTION_REFUSE);
}
END_TEST

/* What bastion init has room for at all is a limit of its own, whatever the settings say. */
START_TEST(limit_of_all) {
    struct source a = host(1), other = host(2);
    for (int i = 0; i < LIMIT_CONNECTIONS; i++)
        connection_add(&(struct connection){.pid = i + 1, .source = a, .listener = 1});
    struct connection_verdict v = judge(&other, 0);
    ck_assert_int_eq(v.what, CONNECTION_REFUSE);
    ck_assert_str_eq(v.reason, "more connections than there is room for");
    connection_remove(connection_all(&(size_t){0}));
    ck_assert_int_eq(judge(&other, 0).what, CONNECTION_SERVE);
    ck_assert_ptr_null(connection_of_link(-2));
}
END_TEST

/* The room of others is no limit of one's own listener. */
START_TEST(limits_of_each_listener) {
    struct source a = host(1);
    add_many(&a, CONNECTION_KNOWN, 16);
    struct connection_request r = {.listener = 1, .source = &a};
    ck_assert_int_eq(connection_limits_judge(&limits, &r, now).what, CONNECTION_SERVE);
}
END_TEST

/* Silent ones of one address: a login from there has to wait while all are young, and not longer.
 */
START_TEST(silent_ones_make_room) {
    struct source a = host(1);
    add_many(&a, CONNECTION_UNKNOWN, 16);
    struct connection_verdict v = judge(&a, 0);
    ck_assert_int_eq(v.what, CONNECTION_WAIT);
    ck_assert(!v.is_penalty && v.victim == NULL);
    ck_assert_int_eq(v.until, now + LIMIT_UNKNOWN_YOUNG_MS);
    now = v.until;
    v = judge(&a, 0);
    ck_assert_int_eq(v.what, CONNECTION_WAIT); /* for the one that has to go to be gone */
    ck_assert_int_eq(v.until, CLOCK_NEVER);
    ck_assert_ptr_nonnull(v.victim);
    v.victim->state = CONNECTION_ENDING;
    struct connection_verdict second = judge(&a, 0);
    ck_assert_int_eq(second.what, CONNECTION_WAIT);
    ck_assert_ptr_null(second.victim); /* one is enough */
    connection_remove(v.victim);
    v = judge(&a, 0);
    ck_assert_int_eq(v.what, CONNECTION_SERVE);
    ck_assert_ptr_nonnull(v.victim); /* 15 old ones are more than the half that there may be */
}
END_TEST

/* Whoever logs in finds room until all connections are known. */
START_TEST(known_ones_take_all_the_room) {
    for (unsigned n = 0; n < 64; n++) {
        struct source silent = host(n / 16);
        add(&silent, CONNECTION_UNKNOWN);
    }
    now += LIMIT_UNKNOWN_YOUNG_MS;
    for (unsigned n = 0; n < 64; n++) {
        struct source client = host(100 + n / 16);
        struct connection_verdict v = judge(&client, n * 2654435761u);
        for (int i = 0; v.what == CONNECTION_WAIT; i++) {
            ck_assert_int_lt(i, 2);
            ck_assert_ptr_nonnull(v.victim);
            connection_remove(v.victim);
            v = judge(&client, n * 2654435761u);
        }
        ck_assert_int_eq(v.what, CONNECTION_SERVE);
        if (v.victim != NULL)
            connection_remove(v.victim);
        add(&client, CONNECTION_KNOWN);
        ck_assert_uint_le(open_ones(), 64);
    }
    struct source late = host(500);
    ck_assert_int_eq(judge(&late, 0).what, CONNECTION_REFUSE);
}
END_TEST

/* Of 4096 random numbers, how many put an end to somebody. */
static int ended_of_4096(void) {
    struct source s = host(9999);
    int n = 0;
    for (uint32_t i = 0; i < 4096; i++)
        n += judge(&s, i * 16).victim != NULL;
    return n;
}

START_TEST(chance_rises) {
    int before = -1;
    for (unsigned n = 0; n < 33; n++) {
        int ended = ended_of_4096(), expected = n <= 16 ? 0 : n >= 32 ? 4096 : ((int)n - 16) * 256;
        ck_assert_int_le(ended > expected ? ended - expected : expected - ended, 1);
        ck_assert_int_ge(ended, before);
        before = ended;
        struct source s = host(n);
        add(&s, CONNECTION_UNKNOWN)->since = now - LIMIT_UNKNOWN_YOUNG_MS;
    }
}
END_TEST

/* Every old one is as likely; a young, a known or another listener's one is never picked. */
START_TEST(anybody_is_picked) {
    struct source s = host(9999);
    int picked[200] = {0};
    pid_t first = next_pid + 1;
    for (unsigned n = 0; n < 32; n++) {
        struct source old = host(n), other = host(100 + n);
        add(&old, CONNECTION_UNKNOWN)->since = now - LIMIT_UNKNOWN_YOUNG_MS;
        add(&other, n % 2 == 0 ? CONNECTION_KNOWN : CONNECTION_UNKNOWN)->since =
            now - LIMIT_UNKNOWN_YOUNG_MS + (n % 2 == 0 ? 0 : 1);
        add(&old, CONNECTION_UNKNOWN)->listener = 1;
    }
    for (uint32_t i = 0; i < 32 * 1024; i++) {
        struct connection_verdict v = judge(&s, i << 16 | (i & 0xffff));
        ck_assert_ptr_nonnull(v.victim);
        picked[v.victim->pid - first]++;
    }
    for (unsigned n = 0; n < 32; n++) {
        ck_assert_int_eq(picked[3 * n], 1024);
        ck_assert_int_eq(picked[3 * n + 1], 0);
        ck_assert_int_eq(picked[3 * n + 2], 0);
    }
}
END_TEST

/* ---- networks ---- */

static struct source in_network(unsigned site, unsigned client) {
    char text[LIMIT_PEER];
    snprintf(text, sizeof text, "2001:db8:7:%x::1", site << 8 | client);
    return from(text);
}

START_TEST(limits_of_networks) {
    struct source elsewhere = from("2001:db8:8::1");
    unsigned n = 0;
    for (unsigned client = 0; n < 200; client++, n++) {
        struct source s = in_network(1, client);
        if (judge(&s, 0).what != CONNECTION_SERVE)
            break;
        add(&s, CONNECTION_UNKNOWN);
    }
    ck_assert_uint_eq(n, 32); /* of a network of 56 bits */
    for (unsigned site = 2; n < 200; site++, n++) {
        struct source s = in_network(site, 0);
        if (judge(&s, 0).what != CONNECTION_SERVE)
            break;
        add(&s, CONNECTION_UNKNOWN);
    }
    ck_assert_uint_eq(n, 48); /* of one of 48 */
    ck_assert_int_eq(judge(&elsewhere, 0).what, CONNECTION_SERVE);
    struct source there = in_network(99, 0);
    ck_assert_int_eq(judge(&there, 0).what, CONNECTION_WAIT);
}
END_TEST

/* Known ones of a network are limited by nothing but the limits of a client and of a listener. */
START_TEST(known_ones_of_a_network) {
    for (unsigned client = 0; client < 64; client++) {
        struct source s = in_network(1, client);
        ck_assert_int_eq(judge(&s, 0).what, CONNECTION_SERVE);
        add(&s, CONNECTION_KNOWN);
    }
}
END_TEST

/* ---- penalties ---- */

static void charge(const struct source *s, int times) {
    while (times-- > 0)
        penalty_charge(s, LIMIT_PENALTY_REFUSED_MS, now);
}

START_TEST(penalty_grows_and_goes) {
    struct source a = host(1), b = host(2);
    charge(&a, 3);
    ck_assert_int_eq(penalty_wait(&a, now), 0); /* one mistypes a password three times */
    charge(&a, 1);
    ck_assert_int_eq(penalty_wait(&a, now), LIMIT_PENALTY_WAIT_MS + 500);
    charge(&a, 1000);
    int64_t most = penalty_wait(&a, now);
    ck_assert_int_eq(most, LIMIT_PENALTY_WAIT_MS + LIMIT_PENALTY_MOST_MS / 10);
    ck_assert_int_eq(penalty_wait(&b, now), 0);
    ck_assert_int_gt(most, penalty_wait(&a, now + 10000));
    ck_assert_int_gt(penalty_wait(&a, now + LIMIT_PENALTY_MOST_MS - 1), 0);
    ck_assert_int_eq(penalty_wait(&a, now + LIMIT_PENALTY_MOST_MS), 0);
}
END_TEST

START_TEST(penalty_is_forgiven) {
    struct source a = host(1), b = host(2);
    charge(&a, 100);
    charge(&b, 100);
    penalty_forgive(&a);
    ck_assert_int_eq(penalty_wait(&a, now), 0);
    ck_assert_int_gt(penalty_wait(&b, now), 0);
    penalty_forgive(&a); /* again, and of nobody */
    ck_assert_int_gt(penalty_wait(&b, now), 0);
}
END_TEST

START_TEST(penalty_of_loopback) {
    struct source four = from("127.0.0.1"), six = from("::1");
    charge(&four, 100);
    charge(&six, 100);
    ck_assert_int_eq(penalty_wait(&four, now), 0);
    ck_assert_int_eq(penalty_wait(&six, now), 0);
}
END_TEST

/* Each address of its own fails once or twice: the wider a network, the more it takes. */
START_TEST(penalty_of_networks) {
    struct source other_site = in_network(2, 0), elsewhere = from("2001:db8:8::1");
    struct source s = in_network(1, 255);
    for (unsigned client = 0; client < 6; client++) {
        ck_assert_int_eq(penalty_wait(&s, now), 0);
        struct source failing = in_network(1, client);
        charge(&failing, 1);
    }
    ck_assert_int_eq(penalty_wait(&s, now), 0);
    struct source seventh = in_network(1, 6);
    charge(&seventh, 1);
    ck_assert_int_gt(penalty_wait(&s, now), 0);
    ck_assert_int_eq(penalty_wait(&other_site, now), 0);
    for (unsigned site = 3; site < 9; site++) {
        struct source failing = in_network(site, 0);
        charge(&failing, 1);
    }
    ck_assert_int_gt(penalty_wait(&other_site, now), 0);
    ck_assert_int_eq(penalty_wait(&elsewhere, now), 0);
}
END_TEST

/* The table is full: who owes least is forgotten, and it does not grow. */
START_TEST(penalty_of_many) {
    struct source worst = host(0);
    charge(&worst, 100);
    for (unsigned n = 1; n <= 3 * LIMIT_DEBTORS; n++) {
        struct source s = host(n);
        charge(&s, 4);
        ck_assert_int_gt(penalty_wait(&s, now), 0);
    }
    ck_assert_int_gt(penalty_wait(&worst, now), 0);
    unsigned left = 0;
    for (unsigned n = 1; n <= 3 * LIMIT_DEBTORS; n++) {
        struct source s = host(n);
        left += penalty_wait(&s, now) > 0;
    }
    ck_assert_uint_eq(left, LIMIT_DEBTORS - 1);
}
END_TEST

START_TEST(penalty_means_waiting) {
    struct source a = host(1);
    charge(&a, 5);
    struct connection_verdict v = judge(&a, 0);
    ck_assert_int_eq(v.what, CONNECTION_WAIT);
    ck_assert(v.is_penalty);
    ck_assert_int_eq(v.until, now + penalty_wait(&a, now));
    struct connection_request r = {.source = &a, .has_waited = true};
    ck_assert_int_eq(connection_limits_judge(&limits, &r, now).what, CONNECTION_SERVE);
    add(&a, CONNECTION_KNOWN)->listener = 2; /* somebody there has a credential */
    ck_assert_int_eq(judge(&a, 0).what, CONNECTION_SERVE);
}
END_TEST

/* ---- those who wait ---- */

static bool let_wait(const struct source *s, int fd, bool is_penalty, struct waiting *out) {
    struct waiting w = {.fd = fd, .source = *s, .is_penalty = is_penalty};
    w.again = w.expiry = now + fd;
    return waiting_add(&w, out);
}

START_TEST(waiting_of_one_client) {
    struct source a = host(1), b = host(2);
    struct waiting out;
    ck_assert_int_eq(waiting_deadline(), CLOCK_NEVER);
    for (int fd = 0; fd < LIMIT_WAITING_OF_CLIENT; fd++)
        ck_assert(!let_wait(&a, fd, false, &out));
    ck_assert(!let_wait(&b, 100, false, &out));
    ck_assert(let_wait(&a, 200, false, &out)); /* its own oldest goes */
    ck_assert_int_eq(out.fd, 0);
    ck_assert_uint_eq(waiting_count(), LIMIT_WAITING_OF_CLIENT + 1);
    ck_assert_int_eq(waiting_at(waiting_count() - 1)->fd, 200);
    ck_assert_int_eq(waiting_deadline(), now + 1);
}
END_TEST

START_TEST(waiting_of_all) {
    struct waiting out;
    for (int fd = 0; fd < LIMIT_WAITING; fd++) {
        struct source s = host((unsigned)fd);
        ck_assert(!let_wait(&s, fd, fd < 2, &out));
    }
    struct source late = host(999);
    ck_assert(let_wait(&late, 500, true, &out)); /* the oldest that waits for room */
    ck_assert_int_eq(out.fd, 2);
    ck_assert_uint_eq(waiting_count(), LIMIT_WAITING);
}
END_TEST

/* Those whose penalty is not over would have waited in vain. */
START_TEST(waiting_for_a_penalty) {
    struct source a = host(1);
    struct waiting out;
    for (int fd = 0; fd < LIMIT_WAITING_OF_CLIENT; fd++)
        ck_assert(!let_wait(&a, fd, true, &out));
    ck_assert(let_wait(&a, 700, true, &out));
    ck_assert_int_eq(out.fd, 700);
    ck_assert_uint_eq(waiting_count(), LIMIT_WAITING_OF_CLIENT);
}
END_TEST

/* ---- trusted proxies, and whom they speak for ---- */

#define PROXIES "203.0.113.0/24"

static struct source proxy_at(const char *address) {
    struct sockaddr_storage peer;
    struct source s;
    struct ip ip;
    ck_assert(ip_read(&ip, address));
    ip_to_socket(&peer, &ip, 4242);
    source_of_socket(&s, &peer, PROXIES);
    return s;
}

static const struct listener proxied = {
    .channel = "http", .limits = &limits, .proxies = PROXIES, .unknown_ms = 13000, .fd = -1};

/* What the proxy of a connection hears that says where its client is. */
static enum room_answer ask(struct connection *c, const char *address, uint32_t *ms) {
    static struct listener l;
    unsigned char bytes[SOURCE_ADDRESS];
    struct ip ip;
    l = proxied;
    l.next_note = CLOCK_NEVER; /* no line of the log */
    ck_assert(ip_read(&ip, address));
    ip_map(bytes, &ip);
    return room_ask(c, &l, -1, bytes, ms, now);
}

static struct connection *add_proxied(void) {
    struct source s = proxy_at("203.0.113.1");
    struct connection *c = add(&s, CONNECTION_UNKNOWN);
    c->is_proxied = true;
    c->link = -1;
    return c;
}

START_TEST(exempt_sources) {
    struct source proxy = proxy_at("203.0.113.1"), mapped = proxy_at("::ffff:203.0.113.2"),
                  other = proxy_at("203.0.114.1"), none = from("203.0.113.1");
    ck_assert(proxy.is_exempt && mapped.is_exempt && !other.is_exempt && !none.is_exempt);
    add_many(&proxy, CONNECTION_UNKNOWN, 20);
    add_many(&proxy, CONNECTION_KNOWN, 20);
    ck_assert_int_eq(judge(&proxy, 0).what, CONNECTION_SERVE);
    for (int i = 0; i < 20; i++)
        penalty_charge(&proxy, LIMIT_PENALTY_CRASH_MS, now);
    ck_assert_int_eq(judge(&proxy, 0).what, CONNECTION_SERVE);
    ck_assert_int_eq(penalty_wait(&none, now), 0);
    add_many(&proxy, CONNECTION_KNOWN, 24); /* the listener's limit is everybody's */
    struct connection_verdict v = judge(&proxy, 0);
    ck_assert_int_eq(v.what, CONNECTION_WAIT);
    struct waiting out;
    for (int fd = 0; fd < LIMIT_WAITING; fd++)
        ck_assert(!waiting_add(&(struct waiting){.fd = fd, .source = proxy}, &out));
}
END_TEST

/* A client is counted as if it had come by itself: from the moment at which it is named. */
START_TEST(named_clients) {
    uint32_t ms = 0;
    for (int i = 0; i < 16; i++) {
        struct connection *c = add_proxied();
        ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_YES);
        ck_assert(!c->is_proxied && !c->source.is_exempt && c->deadline == now + 13000);
    }
    struct connection *c = add_proxied();
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_WAIT);
    ck_assert_uint_eq(ms, LIMIT_ROOM_LOOK_MS);
    ck_assert(c->is_proxied && c->source.is_exempt);
    ck_assert_int_eq(ask(add_proxied(), "198.51.100.8", &ms), ROOM_YES);
    struct source direct = from("198.51.100.7");
    ck_assert_int_eq(judge(&direct, 0).what, CONNECTION_WAIT);
    now += LIMIT_WAITING_MS - 1;
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_WAIT);
    /* The others are old by now: one of them has to make room. */
    size_t n, ending = 0;
    const struct connection *all = connection_all(&n);
    for (size_t i = 0; i < n; i++)
        ending += all[i].state == CONNECTION_ENDING;
    ck_assert_uint_eq(ending, 1);
    now += 1;
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_NO);
}
END_TEST

START_TEST(named_clients_that_are_known) {
    struct source client = from("198.51.100.7");
    uint32_t ms = 0;
    add_many(&client, CONNECTION_KNOWN, 16);
    ck_assert_int_eq(ask(add_proxied(), "198.51.100.7", &ms), ROOM_NO);
    ck_assert_int_eq(ask(add_proxied(), "198.51.100.8", &ms), ROOM_YES);
}
END_TEST

/* Who keeps failing behind a proxy waits, and nobody else does; once it has waited it is served. */
START_TEST(named_clients_that_fail) {
    struct source client = from("198.51.100.7");
    uint32_t ms = 0;
    charge(&client, 5);
    struct connection *c = add_proxied();
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_WAIT);
    ck_assert_int_eq(ms, penalty_wait(&client, now));
    ck_assert_int_eq(ask(add_proxied(), "198.51.100.8", &ms), ROOM_YES);
    ck_assert_int_eq(ask(add_proxied(), "203.0.113.1", &ms), ROOM_YES);
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_YES);
    ck_assert(source_is_same(&c->source, &client, SOURCE_CLIENT));
}
END_TEST

/* Who is no trusted proxy, or has shown a credential, changes nothing by what he says. */
START_TEST(named_by_others) {
    struct source other = from("198.51.100.9");
    uint32_t ms = 0;
    struct connection *c = add(&other, CONNECTION_UNKNOWN);
    c->is_proxied = true;
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_YES);
    ck_assert(source_is_same(&c->source, &other, SOURCE_CLIENT));
    c = add_proxied();
    c->state = CONNECTION_KNOWN;
    ck_assert_int_eq(ask(c, "198.51.100.7", &ms), ROOM_YES);
    ck_assert(c->source.is_exempt && !c->is_proxied);
}
END_TEST

Suite *unit_connection(void) {
    Suite *s = suite_create("connection");
    TCase *tc = test_case(s, "sources");
    tcase_add_loop_test(tc, same_source, 0, COUNT(pairs));
    tc = test_case(s, "limits");
    tcase_add_test(tc, limits_of_known_ones);
    tcase_add_test(tc, limit_of_all);
    tcase_add_test(tc, limits_of_each_listener);
    tcase_add_test(tc, silent_ones_make_room);
    tcase_add_test(tc, known_ones_take_all_the_room);
    tcase_add_test(tc, chance_rises);
    tcase_add_test(tc, anybody_is_picked);
    tcase_add_test(tc, limits_of_networks);
    tcase_add_test(tc, known_ones_of_a_network);
    tc = test_case(s, "penalties");
    tcase_add_test(tc, penalty_grows_and_goes);
    tcase_add_test(tc, penalty_is_forgiven);
    tcase_add_test(tc, penalty_of_loopback);
    tcase_add_test(tc, penalty_of_networks);
    tcase_add_test(tc, penalty_of_many);
    tcase_add_test(tc, penalty_means_waiting);
    tc = test_case(s, "waiting");
    tcase_add_test(tc, waiting_of_one_client);
    tcase_add_test(tc, waiting_of_all);
    tcase_add_test(tc, waiting_for_a_penalty);
    tc = test_case(s, "proxies");
    tcase_add_test(tc, exempt_sources);
    tcase_add_test(tc, named_clients);
    tcase_add_test(tc, named_clients_that_are_known);
    tcase_add_test(tc, named_clients_that_fail);
    tcase_add_test(tc, named_by_others);
    return s;
}
