/* Records of runs: what is kept of the output, however it comes and whoever reads meanwhile; and
 * the fields by which a client asks for an answer at once, or as JSON. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/record.h"
#include "unit.h"
#include "wire/field_list.h"

static int directory = -1, before = -1;
static char path[64];

/* A record leaves the working directory for its own, and then for the root. */
static void remember_directory(void) {
    before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ne(before, -1);
}

static void return_to_directory(void) {
    ck_assert_int_eq(fchdir(before), 0);
    close(before);
}

static void make_directory(void) {
    snprintf(path, sizeof path, "/tmp/bastion-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ne(directory, -1);
}

static void remove_directory(void) {
    unlinkat(directory, "runs/0123456789abcdef", 0);
    unlinkat(directory, "runs/0123456789abcdefs", 0);
    unlinkat(directory, "runs", AT_REMOVEDIR);
    close(directory);
    ck_assert_int_eq(rmdir(path), 0);
}

#define RUN "0123456789abcdef"

static void make(struct record *r, uint64_t most) {
    ck_assert_int_eq(record_create(r, directory, NULL, RUN, "http", "somebody", most), 0);
    ck_assert_int_eq(record_list(r, 10), 0);
    record_running(r);
}

/* Eight bytes at each place: its number, so that any piece says where it belongs. */
static void put_numbers(struct record *r, unsigned from, unsigned count) {
    static char text[8 * 10000];
    for (unsigned i = 0; i < count; i++)
        snprintf(text + 8 * i, 9, "%07u\n", from + i);
    record_add(r, text, 8 * (size_t)count);
}

/* Reads on, line by line, and looks whether each is the next, or tells how many are left out.
 * Returns how many bytes there were, those that were left out among them. */
static long read_numbers(struct record_reader *reader, char *rest, size_t *rest_n, long next) {
    char bytes[700];
    size_t n;
    while ((n = record_read(reader, bytes, sizeof bytes)) > 0)
        for (size_t i = 0; i < n; i++) {
            rest[(*rest_n)++] = bytes[i];
            if (bytes[i] != '\n')
                continue;
            rest[*rest_n] = '\0';
            long left_out, number;
            char *end;
            if (sscanf(rest, "(%ld bytes of output are left out here)", &left_out) == 1) {
                next += left_out;
            } else if (*rest_n
                       < 8) { /* of a line that was overwritten there is only the beginning */
                next += (long)*rest_n - 1;
            } else {
                number = strtol(rest, &end, 10);
                ck_assert_msg(end == rest + 7 && next == number * 8, "%ld where %ld is next",
                              number, next / 8);
                next += 8;
            }
            *rest_n = 0;
        }
    return next;
}

START_TEST(any_sizes) {
    static const unsigned sizes[] = {1, 3, 64, 65, 128, 129, 1000, 9999};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned total = 0; total < 20000; total += 2999) {
            struct record r;
            struct record_reader reader;
            struct record_about about;
            char rest[128];
            size_t n = 0, length = 0;
            make_directory();
            make(&r, 1024);
            for (unsigned done = 0; done < total; done += sizes[i])
                put_numbers(&r, done, total - done < sizes[i] ? total - done : sizes[i]);
            record_end(&r, &(struct outcome){.kind = OUTCOME_ENDED}, 1);
            ck_assert(record_open(&reader, directory, NULL, RUN));
            ck_assert_int_eq(read_numbers(&reader, rest, &n, 0), (long)total * 8);
            record_close(&reader);
            ck_assert(record_open(&reader, directory, NULL, RUN));
            record_look(&reader, &about);
            for (size_t got; (got = record_read(&reader, rest, sizeof rest)) > 0;)
                length += got;
            ck_assert_int_eq(about.length, (int64_t)length);
            ck_assert_int_eq(about.bytes, (int64_t)total * 8);
            ck_assert_int_eq(about.is_truncated, total * 8 > 1024);
            record_close(&reader);
            remove_directory();
        }
}
END_TEST

/* Who reads while another process writes over what he reads sees nothing that does not belong
 * there. */
START_TEST(read_meanwhile) {
    struct record r;
    struct record_reader reader;
    struct record_about about = {.state = RECORD_RUNNING};
    char rest[128];
    size_t n = 0;
    long next = 0;
    enum { LINES = 100000 };
    make_directory();
    make(&r, 4096);
    ck_assert(record_open(&reader, directory, NULL, RUN));
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < LINES; i += 50)
            put_numbers(&r, i, 50);
        record_end(&r, &(struct outcome){.kind = OUTCOME_ENDED}, 1);
        _exit(0);
    }
    record_leave(&r);
    while (about.state == RECORD_RUNNING) {
        record_look(&reader, &about);
        next = read_numbers(&reader, rest, &n, next);
    }
    ck_assert_int_eq(about.state, RECORD_ENDED);
    ck_assert_int_eq(next, 8L * LINES);
    waitpid(child, NULL, 0);
    record_close(&reader);
    remove_directory();
}
END_TEST

/* A keeper that was killed, at any moment, and also in the middle of a change. */
START_TEST(lost) {
    for (useconds_t moment = 0; moment < 4000; moment += 400) {
        struct record r;
        struct record_reader reader;
        struct record_about about;
        char bytes[512];
        make_directory();
        make(&r, 1024);
        pid_t child = fork();
        if (child == 0)
            for (unsigned i = 0;; i++)
                put_numbers(&r, i, 3);
        record_leave(&r);
        usleep(moment);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        ck_assert(record_open(&reader, directory, NULL, RUN));
        record_look(&reader, &about);
        ck_assert_int_eq(about.state, RECORD_LOST);
        for (int i = 0; i < 1000 && record_read(&reader, bytes, sizeof bytes) > 0; i++)
            ck_assert_int_lt(i, 999);
        record_close(&reader);
        remove_directory();
    }
}
END_TEST

START_TEST(names) {
    static const char *const wrong[] = {"",
                                        ".",
                                        "..",
                                        "0123456789abcde",
                                        "0123456789abcdef0",
                                        "0123456789ABCDEF",
                                        "0123456789abcdeg",
                                        "../0123456789abc",
                                        "0123456789abcde/",
                                        ".123456789abcdef",
                                        "0123456789abcdefs"};
    struct record r;
    struct record_reader reader;
    make_directory();
    make(&r, 1024);
    ck_assert(record_open(&reader, directory, NULL, RUN));
    record_close(&reader);
    ck_assert(!record_open(&reader, directory, "role", RUN));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert(!record_open(&reader, directory, NULL, wrong[i]));
    record_end(&r, &(struct outcome){.kind = OUTCOME_ENDED}, 1);
    remove_directory();
}
END_TEST

/* ---- Prefer and Accept ---- */

static struct slice text(const char *t) { return (struct slice){t, strlen(t)}; }

START_TEST(preferences) {
    struct slice value;
    ck_assert(field_prefers(text(" a , b = \"c, d;e\" ; f=g, h=1"), "b", &value)
              && slice_is(value, "c, d;e"));
    ck_assert(field_prefers(text("a, H=1;x"), "h", &value) && slice_is(value, "1"));
    ck_assert(field_prefers(text("a"), "a", &value) && value.n == 0);
    ck_assert(!field_prefers(text("x=\"a, b\", \"b\", bb"), "b", &value));
    ck_assert(!field_prefers(text("x=\"\\\", b\""), "b", &value));
    ck_assert(!field_prefers(text("x=\", b"), "b", &value));
    ck_assert(!field_prefers(text(""), "b", &value));
}
END_TEST

START_TEST(qualities) {
    static const struct {
        const char *accept;
        int json;
    } cases[] = {{"application/json", 1000},
                 {"*/*;q=0.5", 500},
                 {"application/*;q=0.25, */*", 250},
                 {"*/*, application/json;q=0", 0},
                 {"application/json;q=1.000", 1000},
                 {"application/json;q=0.001", 1},
                 {"application/json;q=1.001", 0},
                 {"application/json;q=2", 0},
                 {"application/json;q=0.0001", 0},
                 {"application/json;q=.5", 0},
                 {"application/json;q=", 0},
                 {"text/plain", -1},
                 {"", -1},
                 {"application/json;a=\"x,*/*\";q=0.3", 300},
                 {"application/json ; Q=0.4", 400}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct media_quality q = MEDIA_QUALITY_NONE;
        media_quality_read(&q, text(cases[i].accept), "application/json");
        ck_assert_msg(q.quality == cases[i].json, "%s: %d", cases[i].accept, q.quality);
    }
}
END_TEST

Suite *unit_record(void) {
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, remember_directory, return_to_directory);
    tcase_add_test(t, any_sizes);
    tcase_add_test(t, read_meanwhile);
    tcase_add_test(t, lost);
    tcase_add_test(t, names);
    tcase_add_test(t, preferences);
    tcase_add_test(t, qualities);
    suite_add_tcase(s, t);
    return s;
}
