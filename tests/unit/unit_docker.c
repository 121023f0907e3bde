/* The Docker client's pure parts: frames, bodies, heads of answers, keys, times, templates, ports. */
#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "docker/filter.h"
#include "docker/keys.h"
#include "docker/ports.h"
#include "docker/template.h"
#include "docker/time.h"
#include "unit.h"
#include "wire/docker_api.h"
#include "wire/json.h"

/* ---- frames ---- */

static const char stream[] = "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1x";

START_TEST(frames) {
    for (size_t step = 1; step < sizeof stream; step++) {
        struct docker_frames f = {.left = 0};
        char out[2][16];
        size_t n[2] = {0, 0};
        for (size_t at = 0; at < sizeof stream - 1;) {
            size_t have = sizeof stream - 1 - at < step ? sizeof stream - 1 - at : step;
            struct slice data;
            enum docker_stream which = DOCKER_STDOUT;
            ssize_t used = docker_frames_read(&f, unit_guarded(stream + at, have), have, &data, &which);
            ck_assert(used > 0 && (size_t)used <= have);
            int i = which == DOCKER_STDERR;
            memcpy(out[i] + n[i], data.at, data.n);
            n[i] += data.n;
            at += (size_t)used;
        }
        ck_assert(n[0] == 5 && memcmp(out[0], "out\nx", 5) == 0 && n[1] == 3 && memcmp(out[1], "err", 3) == 0);
        ck_assert(f.left == 0 && f.have == 0);
    }
}
END_TEST

START_TEST(no_frames) {
    struct docker_frames f = {.left = 0};
    struct slice data;
    enum docker_stream which;
    ck_assert_int_eq(docker_frames_read(&f, "\4", 1, &data, &which), -1);
    f = (struct docker_frames){.left = 0};
    ck_assert_int_eq(docker_frames_read(&f, "HTTP/1.1", 8, &data, &which), -1);
    f = (struct docker_frames){.left = 0};
    ck_assert_int_eq(docker_frames_read(&f, "\1\0\0\0\xff\xff\xff\xffx", 9, &data, &which), 9);
    ck_assert_uint_eq(f.left, 0xfffffffe);
}
END_TEST

/* ---- answers ---- */

static const struct {
    const char *head;
    int status; /* 0: refused */
    enum docker_framing framing;
    bool keeps;
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, DOCKER_LENGTH, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 200, DOCKER_LENGTH, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, DOCKER_LENGTH, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, DOCKER_CHUNKED, true},
    {"HTTP/1.1 200 OK\r\n\r\n", 200, DOCKER_UNTIL_CLOSE, false},
    {"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n", 101, DOCKER_UNTIL_CLOSE, false},
    {"HTTP/1.1 101\r\n\r\n", 101, DOCKER_UNTIL_CLOSE, false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, DOCKER_EMPTY, true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, DOCKER_EMPTY, true},
    {"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", 404, DOCKER_LENGTH, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1 20 OK\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1 099 OK\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/2.0 200 OK\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1  200 OK\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", 0, DOCKER_EMPTY, false},
    {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", 0, DOCKER_EMPTY, false},
};

START_TEST(answer_heads) {
    static struct http1_head head;
    struct docker_body body;
    size_t n = strlen(answers[_i].head);
    http1_start_answer(&head);
    int got = http1_read_head(&head, unit_guarded(answers[_i].head, n), n);
    bool good = got == 200 && docker_body_start(&body, &head);
    ck_assert_msg(good == (answers[_i].status != 0), "%s", answers[_i].head);
    if (!good)
        return;
    ck_assert_int_eq(head.status, answers[_i].status);
    ck_assert_uint_eq(head.scanned, n);
    ck_assert_int_eq(body.framing, answers[_i].framing);
    ck_assert(docker_body_keeps(&body, &head) == answers[_i].keeps);
    for (size_t cut = 0; cut < n; cut++) {
        http1_start_answer(&head);
        ck_assert_int_eq(http1_read_head(&head, unit_guarded(answers[_i].head, cut), cut), 0);
    }
}
END_TEST

START_TEST(bodies) {
    struct docker_body body = {.framing = DOCKER_LENGTH, .left = 5};
    struct slice data;
    ck_assert_int_eq(docker_body_read(&body, "abc", 3, &data), 3);
    ck_assert(!docker_body_ended(&body));
    ck_assert_int_eq(docker_body_read(&body, "deHTTP", 6, &data), 2);
    ck_assert(data.n == 2 && docker_body_ended(&body));
    body = (struct docker_body){.framing = DOCKER_UNTIL_CLOSE};
    ck_assert(docker_body_read(&body, "abc", 3, &data) == 3 && data.n == 3 && !docker_body_ended(&body));
    body = (struct docker_body){.framing = DOCKER_CHUNKED};
    ck_assert(docker_body_read(&body, "3\r\nabc\r\n", 8, &data) == 6 && data.n == 3);
    ck_assert(docker_body_read(&body, "\r\n0\r\n\r\nx", 8, &data) == 7 && data.n == 0 && docker_body_ended(&body));
}
END_TEST

START_TEST(escapes) {
    char out[64];
    struct buf b = BUF_ON(out);
    docker_escape(&b, BYTES("aZ9-._~/?#% \r\n\xc3\xa4"));
    ck_assert_str_eq(buf_string(&b), "aZ9-._~%2F%3F%23%25%20%0D%0A%C3%A4");
}
END_TEST

/* ---- keys ---- */

START_TEST(keys) {
    struct docker_keys k;
    char out[32];
    struct buf b = BUF_ON(out);
    ck_assert(docker_keys_read(&k, "") && k.n == 2 && k.at[0] == 16 && k.at[1] == 17);
    ck_assert(!docker_keys_pass(&k, "a\x10" "b", 3, &b));
    ck_assert_str_eq(buf_string(&b), "a\x10" "b");
    b.len = 0;
    ck_assert(!docker_keys_pass(&k, "\x10", 1, &b) && b.len == 0);
    ck_assert(docker_keys_pass(&k, "\x11rest", 5, &b) && b.len == 0);
    ck_assert(docker_keys_read(&k, "a,ctrl-],ctrl-@") && k.n == 3 && k.at[0] == 'a' && k.at[1] == 29 && k.at[2] == 0);
    static const char *const bad[] = {"ctrl-", "ctrl-A", "ctrl-1", "ab", ",", "a,", "ctrl-p,,q"};
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert(!docker_keys_read(&k, bad[i]));
}
END_TEST

/* ---- times ---- */

START_TEST(durations) {
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{-5, "Less than a second"}, {0, "Less than a second"}, {1, "1 second"}, {59, "59 seconds"}, {60, "About a minute"}, {120, "2 minutes"},
                {3599, "59 minutes"}, {3600, "About an hour"}, {5399, "About an hour"}, {5400, "2 hours"}, {172799, "2 days"}, {169199, "47 hours"},
                {14 * 86400, "2 weeks"}, {60 * 86400, "2 months"}, {730 * 86400, "2 years"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct buf b = BUF_ON(out);
        docker_time_human(&b, rows[i].seconds);
        ck_assert_str_eq(buf_string(&b), rows[i].text);
    }
}
END_TEST

START_TEST(time_points) {
    static const struct {
        const char *text, *point; /* at 1000000000; NULL: none */
    } rows[] = {{"10s", "999999990.000000000"}, {"1h30m", "999994600.000000000"}, {"1.5s", "999999998.500000000"}, {"200ms", "999999999.800000000"},
                {"0", "1000000000.000000000"}, {"1136073600", "1136073600"}, {"1136073600.5", "1136073600.5"},
                {"2006-01-02T15:04:05Z", "1136214245.000000000"}, {"2006-01-02T15:04:05.25+01:00", "1136210645.250000000"}, {"2006-01-02Z", "1136160000.000000000"},
                {"2006-13-02", NULL}, {"foo", NULL}, {"10", "10"}, {"10x", NULL}, {"", NULL}, {"2006-01-02T25", NULL}, {"2006-01-02T15:04:05Zx", NULL}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct buf b = BUF_ON(out);
        bool good = docker_time_point(&b, rows[i].text, 1000000000);
        ck_assert_msg(good == (rows[i].point != NULL), "%s", rows[i].text);
        if (good)
            ck_assert_str_eq(buf_string(&b), rows[i].point);
    }
}
END_TEST

/* ---- what is printed ---- */

START_TEST(templates) {
    static const char value[] = "{\"Id\":\"x\",\"A\":{\"B\":[\"p\",2,null],\"C\":{\"z\":1,\"y\":\"q\"}},\"T\":true}";
    static const struct {
        const char *template, *text; /* NULL: no such field, or not a template of ours */
    } rows[] = {{"", ""}, {"text", "text"}, {"{{.Id}}", "x"}, {"a {{ .ID }} b", "a x b"}, {"{{.A.B}}", "[p 2 <no value>]"}, {"{{.A.C}}", "map[y:q z:1]"},
                {"{{json .A}}", "{\"B\":[\"p\",2,null],\"C\":{\"z\":1,\"y\":\"q\"}}"}, {"{{.T}}{{.T}}", "truetrue"}, {"{{index .A.C \"y\"}}", "q"},
                {"{{index .A.C `no`}}", ""}, {"{{.No}}", NULL}, {"{{.Id.No}}", NULL}, {"{{.}", NULL}, {"{{foo}}", NULL}, {"{{.A..B}}", NULL}, {"{{.A.}}", NULL},
                {"{{range .A.B}}x{{end}}", NULL}, {"{{}}", NULL}, {"{{json}}", NULL}, {"{{index .A}}", NULL}, {"{{index .A \"\\x\"}}", NULL}};
    static char out[512], fault[LIMIT_DOCKER_MESSAGE];
    ck_assert(json_is_valid((struct slice){value, sizeof value - 1}));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b = BUF_ON(out);
        struct slice rest = {rows[i].template, strlen(rows[i].template)};
        struct docker_piece piece;
        int got;
        while ((got = docker_template_next(&rest, &piece)) == 1) {
        }
        bool good = got == 0 && docker_template_fill(&b, rows[i].template, (struct slice){value, sizeof value - 1}, fault);
        ck_assert_msg(good == (rows[i].text != NULL), "%s", rows[i].template);
        if (good)
            ck_assert_str_eq(buf_string(&b), rows[i].text);
    }
}
END_TEST

START_TEST(ports) {
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"[]", ""},
        {"null", ""},
        {"[{\"PrivatePort\":80,\"Type\":\"tcp\"}]", "80/tcp"},
        {"[{\"PrivatePort\":82,\"Type\":\"tcp\"},{\"PrivatePort\":80,\"Type\":\"tcp\"},{\"PrivatePort\":81,\"Type\":\"tcp\"}]", "80-82/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}]",
         "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":80,\"Type\":\"tcp\"},{\"IP\":\"0.0.0.0\",\"PrivatePort\":81,\"PublicPort\":81,\"Type\":\"tcp\"}]",
         "0.0.0.0:80-81->80-81/tcp"},
        {"[{\"PrivatePort\":-1,\"Type\":5},7,{}]", "0/, 0/, 0/"},
    };
    char out[256];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b = BUF_ON(out);
        docker_ports_print(&b, (struct slice){rows[i].json, strlen(rows[i].json)});
        ck_assert_str_eq(buf_string(&b), rows[i].text);
    }
}
END_TEST

START_TEST(filters) {
    static const struct docker_list list = {3, {"Name=a b", "status=x", "name= c"}};
    char out[256];
    struct buf b = BUF_ON(out);
    docker_filter_write(&b, &list);
    ck_assert_str_eq(buf_string(&b), "filters=%7B%22name%22%3A%7B%22a%20b%22%3Atrue%2C%22c%22%3Atrue%7D%2C%22status%22%3A%7B%22x%22%3Atrue%7D%7D");
    ck_assert_ptr_nonnull(docker_filter_check("a"));
    ck_assert_ptr_null(docker_filter_check("a=b"));
}
END_TEST

Suite *unit_docker(void) {
    Suite *s = suite_create("docker");
    TCase *tc = tcase_create("docker");
    tcase_add_test(tc, frames);
    tcase_add_test(tc, no_frames);
    tcase_add_loop_test(tc, answer_heads, 0, (int)COUNT(answers));
    tcase_add_test(tc, bodies);
    tcase_add_test(tc, escapes);
    tcase_add_test(tc, keys);
    tcase_add_test(tc, durations);
    tcase_add_test(tc, time_points);
    tcase_add_test(tc, templates);
    tcase_add_test(tc, ports);
    tcase_add_test(tc, filters);
    suite_add_tcase(s, tc);
    return s;
}
