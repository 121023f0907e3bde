/* Bodies as they come through a pipe. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "channel/body.h"
#include "unit.h"

static struct input in;
static int feed;

/* An input whose window has `already` read and whose descriptor has `later` to come, then its end. */
static void prepare(const char *already, const char *later) {
    int p[2];
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(fd_nonblock(p[0]), 0);
    ck_assert_int_eq(write(p[1], later, strlen(later)), (ssize_t)strlen(later));
    feed = p[1];
    in = (struct input){.fd = p[0], .end = strlen(already)};
    memcpy(in.at, already, in.end);
}

static const struct {
    bool chunked;
    uint64_t length;
    const char *already, *later;
    enum body_drop drop;
    const char *rest; /* what stands behind a body that was dropped */
} drops[] = {
    {false, 0, "NEXT", "", BODY_DROPPED, "NEXT"},
    {false, 3, "abcNEXT", "", BODY_DROPPED, "NEXT"},
    {false, 3, "a", "bcNEXT", BODY_DROPPED, "NEXT"},
    {false, 3, "ab", "", BODY_BAD, NULL},
    {false, LIMIT_DROPPED_BODY + 1, "ab", "", BODY_TOO_LARGE, NULL},
    {true, 0, "3\r\nabc\r\n0\r\n\r\nNEXT", "", BODY_DROPPED, "NEXT"},
    {true, 0, "3\r\na", "bc\r\n0\r\n\r\nNEXT", BODY_DROPPED, "NEXT"},
    {true, 0, "3\r\nabcX", "", BODY_BAD, NULL},
    {true, 0, "3\r\nabc\r\n", "", BODY_BAD, NULL},
};

START_TEST(drop) {
    struct body b;
    prepare(drops[_i].already, drops[_i].later);
    close(feed);
    body_start(&b, &in, drops[_i].chunked, drops[_i].length);
    ck_assert_int_eq(body_drop(&b), drops[_i].drop);
    if (drops[_i].rest != NULL) {
        ck_assert_uint_eq(in.end - in.start, strlen(drops[_i].rest));
        ck_assert_mem_eq(in.at + in.start, drops[_i].rest, in.end - in.start);
        input_rewind(&in);
        ck_assert_mem_eq(in.at, drops[_i].rest, in.end);
    }
}
END_TEST

/* The head below the floor stays where it is, however much body goes through the window. */
START_TEST(head_stays) {
    struct body b;
    static char big[LIMIT_BODY_WINDOW];
    size_t got = 0, length = 10 * LIMIT_BODY_WINDOW, sent = 0;
    prepare("HEAD", "");
    fcntl(feed, F_SETFL, O_NONBLOCK);
    in.floor = in.start = in.end = 4;
    memset(big, 'x', sizeof big);
    body_start(&b, &in, false, length);
    while (!body_ended(&b)) {
        size_t want = length - sent < sizeof big ? length - sent : sizeof big;
        ssize_t n = write(feed, big, want);
        sent += n > 0 ? (size_t)n : 0;
        body_read(&b);
        while (body_next(&b)) {
            size_t n2 = b.content.n > 1000 ? 1000 : b.content.n;
            got += n2;
            body_taken(&b, n2);
        }
    }
    ck_assert_uint_eq(got, length);
    ck_assert_mem_eq(in.at, "HEAD", 4);
    ck_assert_int_eq(body_read(&b), -1); /* nothing more is there, which is no fault */
    ck_assert(!b.bad);
}
END_TEST

Suite *unit_body(void) {
    Suite *s = suite_create("body");
    TCase *tc = tcase_create("body");
    tcase_add_loop_test(tc, drop, 0, (int)COUNT(drops));
    tcase_add_test(tc, head_stays);
    suite_add_tcase(s, tc);
    return s;
}
