/* The Docker client's pure parts: frames, bodies, heads of responses, keys, times, templates,
 * ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "docker/filter.h"
#include "docker/host.h"
#include "docker/detach_keys.h"
#include "docker/ports.h"
#include "docker/service.h"
#include "docker/show.h"
#include "docker/template.h"
#include "docker/timestamp.h"
#include "unit.h"
#include "wire/docker_api.h"
#include "wire/json.h"

/* ---- frames ---- */

static const char stream[] =
    "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1x";

START_TEST(frames) {
    for (size_t step = 1; step < sizeof stream; step++) {
        struct docker_frames f = {.left = 0};
        char out[2][16];
        size_t n[2] = {0, 0};
        for (size_t at = 0; at < sizeof stream - 1;) {
            size_t have = sizeof stream - 1 - at < step ? sizeof stream - 1 - at : step;
            struct slice data;
            enum docker_stream which = DOCKER_STDOUT;
            ssize_t used =
                docker_frames_read(&f, unit_guarded(stream + at, have), have, &data, &which);
            ck_assert(used > 0 && (size_t)used <= have);
            int i = which == DOCKER_STDERR;
            memcpy(out[i] + n[i], data.at, data.n);
            n[i] += data.n;
            at += (size_t)used;
        }
        ck_assert(n[0] == 5 && memcmp(out[0], "out\nx", 5) == 0 && n[1] == 3
                  && memcmp(out[1], "err", 3) == 0);
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

/* ---- responses ---- */

static const struct {
    const char *head;
    int status; /* 0: refused */
    enum docker_framing framing;
    bool keeps;
} responses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, DOCKER_LENGTH, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 200, DOCKER_LENGTH,
     false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, DOCKER_LENGTH, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, DOCKER_CHUNKED, true},
    {"HTTP/1.1 200 OK\r\n\r\n", 200, DOCKER_UNTIL_CLOSE, false},
    {"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n", 101, DOCKER_UNTIL_CLOSE, false},
    {"HTTP/1.1 101\r\n\r\n", 101, DOCKER_UNTIL_CLOSE, false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, DOCKER_EMPTY, true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, DOCKER_EMPTY, true},
    {"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", 404, DOCKER_LENGTH, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0, DOCKER_EMPTY,
     false},
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

START_TEST(response_heads) {
    static struct http1_head head;
    struct docker_body body;
    size_t n = strlen(responses[_i].head);
    http1_start_response(&head);
    int got = http1_read_head(&head, unit_guarded(responses[_i].head, n), n);
    bool good = got == 200 && docker_body_start(&body, &head);
    ck_assert_msg(good == (responses[_i].status != 0), "%s", responses[_i].head);
    if (!good)
        return;
    ck_assert_int_eq(head.status, responses[_i].status);
    ck_assert_uint_eq(head.scanned, n);
    ck_assert_int_eq(body.framing, responses[_i].framing);
    ck_assert(docker_body_keeps(&body, &head) == responses[_i].keeps);
    for (size_t cut = 0; cut < n; cut++) {
        http1_start_response(&head);
        ck_assert_int_eq(http1_read_head(&head, unit_guarded(responses[_i].head, cut), cut), 0);
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
    ck_assert(docker_body_read(&body, "abc", 3, &data) == 3 && data.n == 3
              && !docker_body_ended(&body));
    body = (struct docker_body){.framing = DOCKER_CHUNKED};
    ck_assert(docker_body_read(&body, "3\r\nabc\r\n", 8, &data) == 6 && data.n == 3);
    ck_assert(docker_body_read(&body, "\r\n0\r\n\r\nx", 8, &data) == 7 && data.n == 0
              && docker_body_ended(&body));
}
END_TEST

START_TEST(escapes) {
    char out[64];
    struct buf b = BUF_ON(out);
    docker_escape(&b, BYTES("aZ9-._~/?#% \r\n\xc3\xa4"));
    ck_assert_str_eq(buf_string(&b), "aZ9-._~%2F%3F%23%25%20%0D%0A%C3%A4");
}
END_TEST

/* ---- places ---- */

static const struct {
    const char *text, *name, *port, *prefix, *authority, *shown; /* NULL: refused */
} hosts[] = {
    {"tcp://a", "a", "2375", "", "a:2375", "tcp://a:2375"},
    {"a:1", "a", "1", "", "a:1", "tcp://a:1"},
    {"tcp://", "localhost", "2375", "", "localhost:2375", "tcp://localhost:2375"},
    {"tcp://[::1]:7", "::1", "7", "", "[::1]:7", "tcp://[::1]:7"},
    {"::1", "::1", "2375", "", "[::1]:2375", "tcp://[::1]:2375"},
    {"tcp://[::1", NULL, NULL, NULL, NULL, NULL},
    {"tcp://[::1]x:7", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a:1/p", "a", "1", "/p", "a:1", "tcp://a:1/p"},
    {"tcp://a:1/p//q/./", "a", "1", "/p/q", "a:1", "tcp://a:1/p//q/./"},
    {"tcp://a:1/p/../../q", "a", "1", "/q", "a:1", "tcp://a:1/p/../../q"},
    {"tcp://a:1/p q%41%2f?x#y", "a", "1", "/p%20qA%2F", "a:1", "tcp://a:1/p q%41%2f?x#y"},
    {"tcp://a:1/%zz", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a:1/%00", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a:1/%4", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a:65536", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a:x", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a b:1", NULL, NULL, NULL, NULL, NULL},
    {"tcp://a\r\nX: y:1", NULL, NULL, NULL, NULL, NULL},
    {"http://a", NULL, NULL, NULL, NULL, NULL},
    {"ssh://a", NULL, NULL, NULL, NULL, NULL},
    {"npipe://a", NULL, NULL, NULL, NULL, NULL},
    {"unix:///x", "", "", "", "docker", "unix:///x"},
    {"unix://", "", "", "", "docker", "unix:///var/run/docker.sock"},
    {"", "", "", "", "docker", "unix:///var/run/docker.sock"},
};

START_TEST(places) {
    char text[LIMIT_DOCKER_MESSAGE];
    struct buf why = BUF_ON(text);
    bool good = docker_host_set(hosts[_i].text, &why);
    const struct docker_host *h = docker_host();
    ck_assert_msg(good == (hosts[_i].name != NULL) && good == (why.len == 0), "%s", hosts[_i].text);
    if (!good)
        return;
    ck_assert_str_eq(h->name, hosts[_i].name);
    ck_assert_str_eq(h->port, hosts[_i].port);
    ck_assert_str_eq(h->prefix, hosts[_i].prefix);
    ck_assert_str_eq(h->authority, hosts[_i].authority);
    ck_assert_str_eq(h->text, hosts[_i].shown);
}
END_TEST

/* ---- keys ---- */

START_TEST(keys) {
    struct docker_detach_keys k;
    char out[32];
    struct buf b = BUF_ON(out);
    ck_assert(docker_detach_keys_read(&k, "") && k.n == 2 && k.at[0] == 16 && k.at[1] == 17);
    ck_assert(!docker_detach_keys_pass(&k,
                                       "a\x10"
                                       "b",
                                       3, &b));
    ck_assert_str_eq(buf_string(&b), "a\x10"
                                     "b");
    b.len = 0;
    ck_assert(!docker_detach_keys_pass(&k, "\x10", 1, &b) && b.len == 0);
    ck_assert(docker_detach_keys_pass(&k, "\x11rest", 5, &b) && b.len == 0);
    ck_assert(docker_detach_keys_read(&k, "a,ctrl-],ctrl-@") && k.n == 3 && k.at[0] == 'a'
              && k.at[1] == 29 && k.at[2] == 0);
    static const char *const bad[] = {"ctrl-", "ctrl-A", "ctrl-1", "ab", ",", "a,", "ctrl-p,,q"};
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert(!docker_detach_keys_read(&k, bad[i]));
}
END_TEST

/* ---- times ---- */

START_TEST(durations) {
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{-5, "Less than a second"}, {0, "Less than a second"}, {1, "1 second"},
                {59, "59 seconds"},         {60, "About a minute"},    {120, "2 minutes"},
                {3599, "59 minutes"},       {3600, "About an hour"},   {5399, "About an hour"},
                {5400, "2 hours"},          {172799, "2 days"},        {169199, "47 hours"},
                {14 * 86400, "2 weeks"},    {60 * 86400, "2 months"},  {730 * 86400, "2 years"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct buf b = BUF_ON(out);
        docker_timestamp_human(&b, rows[i].seconds);
        ck_assert_str_eq(buf_string(&b), rows[i].text);
    }
}
END_TEST

START_TEST(time_points) {
    static const struct {
        const char *text, *point; /* at 1000000000; NULL: none */
    } rows[] = {{"10s", "999999990.000000000"},
                {"1h30m", "999994600.000000000"},
                {"1.5s", "999999998.500000000"},
                {"200ms", "999999999.800000000"},
                {".5m", "999999970.000000000"},
                {"1.h", "999996400.000000000"},
                {"1.00000000025h", "999996399.999999100"},
                {"1.s.5s.", NULL},
                {".s", NULL},
                {"1m1", NULL},
                {"0", "1000000000.000000000"},
                {"1136073600", "1136073600"},
                {"1136073600.5", "1136073600.5"},
                {"2006-01-02T15:04:05Z", "1136214245.000000000"},
                {"2006-01-02T15:04:05.25+01:00", "1136210645.250000000"},
                {"2006-01-02Z", "1136160000.000000000"},
                {"2006-13-02", NULL},
                {"foo", NULL},
                {"10", "10"},
                {"10x", NULL},
                {"1.5.5s", NULL},
                {"h", NULL},
                {"2006-01-02T15:6x", NULL},
                {"2006-01-02T15:04:6x", NULL},
                {"2006-01-02T15:04:05+1:00", NULL},
                {"", NULL},
                {"2006-01-02T25", NULL},
                {"2006-01-02T15:04:05Zx", NULL}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct buf b = BUF_ON(out);
        bool good = docker_timestamp_write(&b, rows[i].text, 1000000000);
        ck_assert_msg(good == (rows[i].point != NULL), "%s", rows[i].text);
        if (good)
            ck_assert_str_eq(buf_string(&b), rows[i].point);
    }
}
END_TEST

/* ---- what is printed ---- */

static const char value[] = "{\"Id\":\"x\",\"A\":{\"B\":[\"p\",2,null],\"C\":{\"z\":1,\"y\":\"q\"}}"
                            ",\"T\":true,\"N\":null,\"S\":\"a-b\",\"I\":[3,-1],\"CpuShares\":7,"
                            "\"E\":\"\\u00e9<\\n\",\"M\":{\"k\":\"v\"}}";

static const struct {
    const char *template, *text; /* NULL: refused when it is read; "!": when it is carried out */
} templates[] = {
    {"", ""},
    {"text", "text"},
    {"{{.Id}}", "x"},
    {"a {{ .ID }} b", "a x b"},
    {"{{.A.B}}", "[p 2 <nil>]"},
    {"{{.A.C}}", "map[y:q z:1]"},
    {"{{json .A}}", "{\"B\":[\"p\",2,null],\"C\":{\"z\":1,\"y\":\"q\"}}"},
    {"{{.T}}{{.T}}", "truetrue"},
    {"{{index .A.C \"y\"}}", "q"},
    {"{{index .M `no`}}|{{index .A.B 1}}", "|2"},
    {"{{index .A `no`}}", "<nil>"},
    {"{{.No}}", "!"},
    {"{{.Id.No}}", "!"},
    {"{{.}", NULL},
    {"{{foo}}", NULL},
    {"{{.A..B}}", NULL},
    {"{{.A.}}", NULL},
    {"{{}}", NULL},
    {"{{json}}", "!"},
    {"{{index .A.B 3}}", "!"},
    {"{{index .A \"\\x\"}}", NULL},
    {"{{.N}}", "<no value>"},
    /* Names as Go has them, and what the engine leaves out. */
    {"{{.CPUShares}}{{.CpuShares}}", "77"},
    {"{{.id}}", "!"},
    {"{{.Labels}} {{.Binds}} {{.Health}} {{.StopSignal}}|", "map[] [] <nil> |"},
    {"{{json .Binds}}{{json .M.Labels}}", "nullnull"},
    {"{{.Health.Status}}", "!"},
    /* Space. */
    {"a {{- .Id -}} b", "axb"},
    {"a {{- .Id}} b", "ax b"},
    {"{{/* no */}}a{{- /* no */ -}} b", "ab"},
    {"{{-1}}", "-1"},
    {"{{/* no}}", NULL},
    /* Branches. */
    {"{{if .T}}y{{else}}n{{end}}", "y"},
    {"{{if .N}}y{{else}}n{{end}}", "n"},
    {"{{if .N}}y{{else if .Id}}i{{else}}n{{end}}", "i"},
    {"{{if .Labels}}y{{end}}", ""},
    {"{{with .A}}{{.C.z}}{{$.Id}}{{end}}", "1x"},
    {"{{with .N}}y{{else}}{{.Id}}{{end}}", "x"},
    {"{{if .T}}", NULL},
    {"{{end}}", NULL},
    {"{{else}}", NULL},
    {"{{if .T}}{{else}}{{else}}{{end}}", NULL},
    {"{{if .N}}{{nosuch}}{{end}}", NULL},
    /* Rounds. */
    {"{{range .A.B}}<{{.}}>{{end}}", "<p><2><<no value>>"},
    {"{{range $i, $e := .I}}{{$i}}={{$e}} {{end}}", "0=3 1=-1 "},
    {"{{range $k, $v := .A.C}}{{$k}}:{{$v}} {{end}}", "y:q z:1 "},
    {"{{range .Binds}}x{{else}}none{{end}}", "none"},
    {"{{range .Id}}{{end}}", "!"},
    {"{{range .I}}{{if eq . 3}}{{continue}}{{end}}{{.}}{{end}}", "-1"},
    {"{{range .I}}{{.}}{{break}}{{end}}", "3"},
    {"{{break}}", NULL},
    {"{{range .I}}{{range $.I}}{{.}}{{break}}{{end}};{{end}}", "3;3;"},
    {"{{range .I}}", NULL},
    {"{{range .I}}{{if .}}{{else}}no{{break}}{{end}}{{.}}{{end}}", "3-1"},
    {"{{range .I}}{{if eq . 3}}{{.}}{{else}}{{break}}{{end}}x{{end}}", "3x"},
    {"{{range .I}}{{range $.N}}{{else}}{{if $.T}}b{{break}}{{end}}x{{end}}c{{end}}", "bcbc"},
    {"{{range .I}}{{range $.N}}{{else}}b{{continue}}{{end}}c{{end}}", "bb"},
    /* Variables. */
    {"{{$x := .Id}}{{$x}}{{$x = .T}}{{$x}}", "xtrue"},
    {"{{$x}}", NULL},
    {"{{$x = 1}}", NULL},
    {"{{if $y := .Id}}{{$y}}{{end}}", "x"},
    {"{{if .T}}{{$z := 1}}{{end}}{{$z}}", NULL},
    /* Functions and pipelines. */
    {"{{.S | upper | printf \"%s!\"}}", "A-B!"},
    {"{{upper .S}}{{title \"ab cd\"}}{{lower \"AB\"}}", "A-BAb Cdab"},
    {"{{json .E}}", "\"\xc3\xa9<\\n\""},
    {"{{join (split .S \"-\") \"+\"}}", "a+b"},
    {"{{join .Binds \",\"}}", ""},
    {"{{split .S \"\"}}{{split \"\" \"\"}}{{split \"\" \"-\"}}{{split .S \"a-b\"}}",
     "[a - b][][][ ]"},
    {"{{join .I \",\"}}", "!"},
    {"{{join .S \",\"}}", "!"},
    {"{{len .S}}{{len .I}}{{len .A}}", "322"},
    {"{{pad .S 1 2}}|{{pad \"\" 3 3}}|{{truncate .S 2}}|{{truncate .S 9}}|{{slice .S 1 2}}",
     " a-b  ||a-|a-b|-"},
    {"{{slice .S 2 1}}", "!"},
    {"{{eq .Id \"y\" \"x\"}}{{ne 1 2}}{{lt 2 10}}{{gt -2 -10}}{{le \"a\" \"b\"}}{{ge 1 1}}{{eq .N "
     "nil}}",
     "truetruetruetruetruetruetrue"},
    {"{{eq .Id 1}}", "!"},
    {"{{and .T .Id}}{{or .N .Id}}{{not .T}}", "xxfalse"},
    {"{{.Id | and .T}}{{.N | or .T}}{{.S | or .N}}{{or .N .N}}", "xtruea-b<no value>"},
    {"{{and .Health .Health.Status}}|{{or .T .No}}", "<nil>|true"},
    {"{{printf \"%-4s|%4s|%03d|%q|%v|%t|%%\" .Id .Id 7 .S .I .T}}",
     "x   |   x|007|\"a-b\"|[3 -1]|true|%"},
    {"{{printf \"%x\" 1}}", "!"},
    {"{{printf \"%d\" .S}}", "!"},
    {"{{print \"a\"x}}", NULL},
    {"{{print \"a\"}{{end}}", NULL},
    {"{{print 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15}}", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"},
    {"{{print 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16}}", NULL},
    {"{{printf \"%s\"}}", "%!s(MISSING)"},
    {"{{print 1 2 \"a\" 3}}{{println .Id .T}}", "1 2a3x true\n"},
    {"{{(index .I 0)}}{{(.A).C.y}}", "3q"},
    {"{{.Id .T}}", "!"},
    {"{{(.Id}}", NULL},
    {"{{upper 1}}", "!"},
    {"{{\"\\\"\\t\\\\\"}}{{`\\n`}}", "\"\t\\\\n"},
    {"{{\"a}}", NULL},
    {"{{1.5}}{{true}}{{nil}}", "1.5true<nil>"},
    {"{{1x}}", NULL},
    {"{{define \"x\"}}{{end}}", NULL},
    {"{{template \"x\"}}", NULL},
    {"{{html .Id}}", NULL},
};

START_TEST(template) {
    static char out[512], error[LIMIT_DOCKER_MESSAGE];
    struct docker_template t = {.text = templates[_i].template, .name = ""};
    const char *wanted = templates[_i].text;
    struct buf b = BUF_ON(out);
    bool good = docker_template_check(&t, error);
    ck_assert_msg(good == (wanted != NULL), "%s: %s", t.text, error);
    if (!good)
        return;
    good = docker_template_fill(&b, &t, (struct slice){value, sizeof value - 1}, error);
    ck_assert_msg(good == (strcmp(wanted, "!") != 0), "%s: %s", t.text, error);
    if (good)
        ck_assert_str_eq(buf_string(&b), wanted);
}
END_TEST

/* Where Go points at, and how. */
START_TEST(template_errors) {
    static const struct {
        const char *template, *error;
    } rows[] = {
        {"{{.A.No}}", "template: :1:4: executing \"\" at <.A.No>: map has no entry for key \"No\""},
        {"x\n {{.No}}", "template: :2:3: executing \"\" at <.No>: map has no entry for key \"No\""},
        {"{{.A.B.No.C}}", "template: :1:4: executing \"\" at <.A.B.No.C>: can't evaluate field No "
                          "in type interface {}"},
        {"{{.Health.Status}}",
         "template: :1:9: executing \"\" at <.Health.Status>: map has no entry for key \"Health\""},
        {"{{.Averyveryverylongname}}",
         "template: :1:2: executing \"\" at <.Averyveryverylongna...>: map has no entry for key "
         "\"Averyveryverylongname\""},
        {"{{index .I 9}}", "template: :1:2: executing \"\" at <index .I 9>: error calling index: "
                           "index out of range: 9"},
        {"{{index .I \"x\"}}", "template: :1:2: executing \"\" at <index .I \"x\">: error calling "
                               "index: cannot index slice/array with type string"},
        {"{{index .M 1}}", "template: :1:2: executing \"\" at <index .M 1>: error calling index: "
                           "value has type int; should be string"},
        {"{{index .T 1}}", "template: :1:2: executing \"\" at <index .T 1>: error calling index: "
                           "can't index item of type bool"},
        {"{{index .Health 1}}",
         "template: :1:2: executing \"\" at <index .Health 1>: error calling "
         "index: index of nil pointer"},
        {"{{len .N}}", "template: :1:2: executing \"\" at <len .N>: error calling len: len of nil "
                       "pointer"},
        {"{{len .T}}",
         "template: :1:2: executing \"\" at <len .T>: error calling len: len of type bool"},
        {"{{truncate .S \"x\"}}", "template: :1:2: executing \"\" at <truncate .S \"x\">: error "
                                  "calling truncate: argument 2 is no number from 0 to 8192"},
        {"{{(index .A.B 2).X}}",
         "template: :1:16: executing \"\" at <(index .A.B 2).X>: nil pointer "
         "evaluating interface {}.X"},
        {"{{.A", "template: :1: unclosed action"},
        {"{{nosuch}}", "template: :1: function \"nosuch\" not defined"},
    };
    static char out[512], error[LIMIT_DOCKER_MESSAGE];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct docker_template t = {.text = rows[i].template, .name = ""};
        struct buf b = BUF_ON(out);
        ck_assert(!docker_template_check(&t, error)
                  || !docker_template_fill(&b, &t, (struct slice){value, sizeof value - 1}, error));
        ck_assert_str_eq(error, rows[i].error);
    }
}
END_TEST

/* Neither depth nor rounds without end. */
START_TEST(template_bounds) {
    static char text[4096], out[64], error[LIMIT_DOCKER_MESSAGE];
    struct buf b = BUF_ON(text), o = BUF_ON(out);
    for (int i = 0; i < 200; i++)
        buf_text(&b, "{{if 1}}");
    struct docker_template t = {.text = buf_string(&b), .name = ""};
    ck_assert(!docker_template_check(&t, error));
    b.len = 0;
    buf_text(&b, "{{");
    for (int i = 0; i < 3000; i++)
        buf_char(&b, '(');
    t.text = buf_string(&b);
    ck_assert(!docker_template_check(&t, error));
    b.len = 0;
    for (int i = 0; i < 30; i++)
        buf_text(&b, "{{range $.I}}");
    for (int i = 0; i < 30; i++)
        buf_text(&b, "{{end}}");
    t.text = buf_string(&b);
    ck_assert(docker_template_check(&t, error));
    ck_assert(!docker_template_fill(&o, &t, (struct slice){value, sizeof value - 1}, error));
    ck_assert_ptr_nonnull(strstr(error, "more steps"));
    b.len = 0;
    for (int i = 0; i < 33; i++)
        buf_format(&b, "{{$v%d := 1}}", i);
    t.text = buf_string(&b);
    ck_assert(!docker_template_check(&t, error));
    ck_assert_ptr_nonnull(strstr(error, "more variables"));
}
END_TEST

/* A literal, and a map's key, of more bytes than there is room for. */
START_TEST(template_long_strings) {
    static char text[LIMIT_DOCKER_MESSAGE + 64], object[3 * LIMIT_DOCKER_MESSAGE],
        error[LIMIT_DOCKER_MESSAGE], out[64];
    struct buf b = BUF_ON(text), o = BUF_ON(object), printed = BUF_ON(out);
    buf_format(&b, "{{print \"%0*d\"}}", LIMIT_DOCKER_MESSAGE + 1, 0);
    struct docker_template t = {.text = buf_string(&b), .name = ""};
    ck_assert(!docker_template_check(&t, error));
    ck_assert_ptr_nonnull(strstr(error, "a string is longer"));
    buf_format(&o, "{\"K\":\"%0*d\",\"M\":{\"%0*d\":\"what its beginning is\"}}",
               LIMIT_DOCKER_MESSAGE + 1, 0, LIMIT_DOCKER_MESSAGE, 0);
    t.text = "<{{index .M .K}}>";
    ck_assert(docker_template_fill(&printed, &t, (struct slice){o.at, o.len}, error));
    ck_assert_str_eq(buf_string(&printed), "<>");
}
END_TEST

/* An object of more members than are put in order is printed as it was sent. */
START_TEST(template_large_object) {
    enum { MEMBERS = 1 << 20 };
    static const char member[] = "\"b\":1,";
    static char out[16], error[LIMIT_DOCKER_MESSAGE];
    size_t n = sizeof member - 1;
    char *object = malloc(MEMBERS * n + 16);
    struct buf b = {.at = object, .cap = MEMBERS * n + 16}, printed = BUF_ON(out);
    buf_char(&b, '{');
    for (int i = 0; i < MEMBERS; i++)
        buf_bytes(&b, member, n);
    buf_text(&b, "\"a\":2}");
    ck_assert(!b.full);
    struct docker_template t = {.text = "{{.}}", .name = ""};
    ck_assert(docker_template_fill(&printed, &t, (struct slice){b.at, b.len}, error));
    ck_assert(printed.full && memcmp(out, "map[b:1 b:1 b:1", 15) == 0);
    free(object);
}
END_TEST

START_TEST(row_templates) {
    static const char row[] = "{\"Names\":\"n<\",\"ID\":\"i\",\" \":{\"a.b\":\"l\"}}",
                      titles[] = "{\"Names\":\"NAMES\",\"ID\":\"ID\",\" \":\"\"}";
    static const struct {
        const char *template, *text, *title;
    } rows[] = {
        {"{{.Names}}", "n<", "NAMES"},
        {"{{.Label \"a.b\"}}|{{.Label \"x_y-z\"}}", "l|", "b|x y z"},
        {"{{json .}}", "{\"ID\":\"i\",\"Names\":\"n\\u003c\"}", NULL},
        {"{{json .Names}}", "\"n<\"", "NAMES"},
        {"{{upper .ID}}{{pad .ID 1 1}}", "I i ", "ID ID "},
        {"{{.No}}", NULL, "<no value>"},
        {"{{.Label}}", NULL, NULL},
        {"{{.Label 1}}", NULL, NULL},
    };
    static char out[512], error[LIMIT_DOCKER_MESSAGE];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct docker_template t = {.text = rows[i].template, .name = "", .type = "T", .row = true};
        struct buf b = BUF_ON(out);
        bool good = docker_template_fill(&b, &t, (struct slice){row, sizeof row - 1}, error);
        ck_assert_msg(good == (rows[i].text != NULL), "%s", rows[i].template);
        if (good)
            ck_assert_str_eq(buf_string(&b), rows[i].text);
        b = BUF_ON(out);
        t.header = true;
        if (rows[i].title == NULL)
            continue;
        ck_assert(docker_template_fill(&b, &t, (struct slice){titles, sizeof titles - 1}, error));
        ck_assert_str_eq(buf_string(&b), rows[i].title);
    }
}
END_TEST

START_TEST(shown) {
    static const struct {
        const char *text, *quoted, *shortened; /* to four columns */
        size_t width;
    } rows[] = {
        {"", "\"\"", "", 0},
        {"ab", "\"ab\"", "ab", 2},
        {"abcde", "\"abcde\"", "abc\xe2\x80\xa6", 5},
        {"\xc3\xa9"
         "bcd",
         "\"\xc3\xa9"
         "bcd\"",
         "\xc3\xa9"
         "bcd",
         4},
        {"\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2", "\"\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\"",
         "\xe6\xbc\xa2\xe2\x80\xa6", 6},
        {"\x1b\xc2\x9b\t\"\\", "\"\\x1b\\u009b\\t\\\"\\\\\"", "\x1b\xc2\x9b\t\xe2\x80\xa6", 2},
        {"\xe2\x80\xae\xc2\xa0", "\"\\u202e\\u00a0\"", "\xe2\x80\xae\xc2\xa0", 1},
        {"\xff", "\"\xef\xbf\xbd\"", "\xff", 1},
        {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80", 2},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct buf b = BUF_ON(out);
        docker_quote(&b, rows[i].text, strlen(rows[i].text));
        ck_assert_str_eq(buf_string(&b), rows[i].quoted);
        b.len = 0;
        buf_text(&b, rows[i].text);
        docker_shorten(&b, 0, 4);
        ck_assert_str_eq(buf_string(&b), rows[i].shortened);
        ck_assert_uint_eq(docker_width(rows[i].text, strlen(rows[i].text)), rows[i].width);
    }
}
END_TEST

START_TEST(sizes) {
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0B"}, {999, "999B"}, {1000, "1kB"}, {21549000, "21.5MB"}, {UINT64_MAX, "18.4EB"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[64];
        struct buf b = BUF_ON(out);
        docker_size_human(&b, rows[i].bytes);
        ck_assert_str_eq(buf_string(&b), rows[i].text);
    }
}
END_TEST

START_TEST(image_names) {
    static const struct {
        const char *image, *any, *tagged;
    } rows[] = {{"nginx", "nginx", "nginx"},
                {"nginx:1@sha256:ab", "nginx:1", "nginx:1"},
                {"nginx@sha256:ab", "nginx", "nginx@sha256:ab"},
                {"docker.io/library/nginx:1", "nginx:1", "nginx:1"},
                {"docker.io/a/b:1@sha256:c", "a/b:1", "a/b:1"},
                {"host:5000/x@sha256:c", "host:5000/x", "host:5000/x@sha256:c"},
                {"host:5000/x:y@sha256:c", "host:5000/x:y", "host:5000/x:y"},
                {"", "", ""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct slice image = {rows[i].image, strlen(rows[i].image)};
        struct slice any = docker_image_name(image, false), tagged = docker_image_name(image, true);
        ck_assert_msg(slice_is(any, rows[i].any) && slice_is(tagged, rows[i].tagged), "%s",
                      rows[i].image);
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
        {"[{\"PrivatePort\":82,\"Type\":\"tcp\"},{\"PrivatePort\":80,\"Type\":\"tcp\"},{"
         "\"PrivatePort\":81,\"Type\":\"tcp\"}]",
         "80-82/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},{\"IP\":\":"
         ":\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}]",
         "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":80,\"Type\":\"tcp\"},{\"IP\":\"0."
         "0.0.0\",\"PrivatePort\":81,\"PublicPort\":81,\"Type\":\"tcp\"}]",
         "0.0.0.0:80-81->80-81/tcp"},
        {"[{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":9,\"Type\":\"tcp\"},{\"IP\":\"::\","
         "\"PrivatePort\":80,\"PublicPort\":8,\"Type\":\"tcp\"}]",
         "[::]:8->80/tcp, [::]:9->80/tcp"},
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
    static const struct docker_list list = {3, {"Name =a b ", "status=x", "name= c"}},
                                    none = {.n = 0};
    char out[256];
    struct buf b = BUF_ON(out);
    ck_assert_ptr_nonnull(docker_filter_path(&b, &list));
    ck_assert_str_eq(out, "filters=%7B%22name%22%3A%7B%22a%20b%22%3Atrue%2C%22c%22%"
                          "3Atrue%7D%2C%22status%22%3A%7B%22x%22%3Atrue%7D%7D");
    static const char *const paths[][2] = {{"/a", "/a"}, {"/a?", "/a"}, {"/a?b=1&", "/a?b=1"}};
    for (size_t i = 0; i < COUNT(paths); i++) {
        b = BUF_ON(out);
        buf_text(&b, paths[i][0]);
        ck_assert_str_eq(docker_filter_path(&b, &none), paths[i][1]);
    }
    b = BUF_ON(out);
    ck_assert(docker_filter_check("a=b", &b) && b.len == 0);
    ck_assert(!docker_filter_check("a", &b) && b.len > 0);
}
END_TEST

Suite *unit_docker(void) {
    Suite *s = suite_create("docker");
    TCase *tc = tcase_create("docker");
    tcase_add_test(tc, frames);
    tcase_add_test(tc, no_frames);
    tcase_add_loop_test(tc, response_heads, 0, (int)COUNT(responses));
    tcase_add_test(tc, bodies);
    tcase_add_test(tc, escapes);
    tcase_add_test(tc, keys);
    tcase_add_test(tc, durations);
    tcase_add_test(tc, time_points);
    tcase_add_loop_test(tc, template, 0, (int)COUNT(templates));
    tcase_add_test(tc, template_errors);
    tcase_add_test(tc, template_bounds);
    tcase_add_test(tc, template_long_strings);
    tcase_add_test(tc, template_large_object);
    tcase_add_test(tc, row_templates);
    tcase_add_test(tc, shown);
    tcase_add_test(tc, sizes);
    tcase_add_test(tc, image_names);
    tcase_add_loop_test(tc, places, 0, (int)COUNT(hosts));
    tcase_add_test(tc, ports);
    tcase_add_test(tc, filters);
    suite_add_tcase(s, tc);
    return s;
}
