/* Bodies as they come through a pipe. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/body.h"
#include "unit.h"

static struct input in;
static int feed;

/* An input whose window has `already` read and whose descriptor has `later` to come, then its
 * end. */
static void prepare(const char *already, const char *later) {
    int p[2];
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(fd_nonblock(p[0]), 0);
    ck_assert_int_eq(write(p[1], later, strlen(later)), (ssize_t)strlen(later));
    feed = p[1];
    in = (struct input){.fd = p[0], .end = strlen(already)};
    memcpy(in.at, already, in.end);
}

enum how { LENGTH, CHUNKED, TO_END };
static const struct {
    enum how how;
    uint64_t length;
    const char *already, *later;
    bool ends; /* the client ends behind that */
    bool through, bad;
    const char *rest; /* what stands behind a body that was dropped */
} drops[] = {
    {LENGTH, 0, "NEXT", "", true, true, false, "NEXT"},
    {LENGTH, 3, "abcNEXT", "", true, true, false, "NEXT"},
    {LENGTH, 3, "a", "bcNEXT", true, true, false, "NEXT"},
    {LENGTH, 3, "ab", "", true, false, true, NULL},
    {LENGTH, 3, "ab", "", false, false, false, NULL},
    {CHUNKED, 0, "3\r\nabc\r\n0\r\n\r\nNEXT", "", true, true, false, "NEXT"},
    {CHUNKED, 0, "3\r\na", "bc\r\n0\r\n\r\nNEXT", true, true, false, "NEXT"},
    {CHUNKED, 0, "3\r\nabcX", "", true, false, true, NULL},
    {CHUNKED, 0, "3\r\nabc\r\n", "", true, false, true, NULL},
    {CHUNKED, 0, "3\r\na", "bc\r\n", false, false, false, NULL},
    {TO_END, 0, "abc", "def", true, true, false, ""},
    {TO_END, 0, "", "", true, true, false, ""},
    {TO_END, 0, "abc", "def", false, false, false, NULL},
};

START_TEST(drop) {
    struct body b;
    prepare(drops[_i].already, drops[_i].later);
    if (drops[_i].ends)
        close(feed);
    body_start(&b, &in, drops[_i].how == CHUNKED, drops[_i].length);
    if (drops[_i].how == TO_END)
        body_start_to_end(&b, &in);
    /* Where more could come, one of the two times ends it; else neither does, however slow it is.
     */
    int64_t deadline = CLOCK_NEVER, idle = 3600000;
    if (!drops[_i].ends && _i % 2 == 0)
        deadline = clock_now() + 20;
    else if (!drops[_i].ends)
        idle = 20;
    ck_assert_int_eq(body_drop(&b, deadline, idle), drops[_i].through);
    ck_assert_int_eq(b.bad, drops[_i].bad);
    if (drops[_i].rest != NULL) {
        ck_assert_uint_eq(in.end - in.start, strlen(drops[_i].rest));
        ck_assert_mem_eq(in.at + in.start, drops[_i].rest, in.end - in.start);
        input_rewind(&in);
        ck_assert_mem_eq(in.at, drops[_i].rest, in.end);
    }
    if (!drops[_i].ends)
        close(feed);
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
    ck_assert_int_eq(body_read(&b), -1); /* nothing more is there, which is no error */
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
