/* writers: which way a path leads. Who could write there is tested where there are accounts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/writers.h"
#include "unit.h"

static char home[32];

static void make_home(void) {
    strcpy(home, "/tmp/bastion-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    int directory = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory, 0);
    ck_assert_int_eq(mkdirat(directory, "a", 0700), 0);
    ck_assert_int_eq(symlinkat("../a/./gone/..", directory, "a/gone"), 0);
    ck_assert_int_eq(symlinkat("../a/.", directory, "a/up"), 0);
    ck_assert_int_eq(symlinkat("loop", directory, "a/loop"), 0);
    close(directory);
}

static void remove_home(void) {
    static const char *const names[] = {"a/gone", "a/up", "a/loop"};
    char path[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", home, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/a", home);
    rmdir(path);
    rmdir(home);
}

/* Behind the folder that was made: what is asked for, and where that leads. */
static const struct {
    const char *path, *real;
    bool missing;
} ways[] = {
    {"", "", false},          {"/a", "/a", false},       {"//a/", "/a", false},
    {"/a/./up", "/a", false}, {"/a/up/up", "/a", false}, {"/a/../a/..", "", false},
    {"/b", "/b", true},       {"/a/gone", "/a", true},   {"/a/loop", "/a", true},
};

START_TEST(way) {
    char path[128], real[128];
    struct writers w;
    snprintf(path, sizeof path, "%s%s", home, ways[_i].path);
    snprintf(real, sizeof real, "%s%s", home, ways[_i].real);
    writers_find(&w, path, NULL, NULL, NULL);
    ck_assert_int_eq(w.missing, ways[_i].missing);
    ck_assert_str_eq(w.real, real);
}
END_TEST

START_TEST(above_the_root) {
    struct writers w;
    writers_find(&w, "/../tmp/../..", NULL, NULL, NULL);
    ck_assert(!w.missing);
    ck_assert_str_eq(w.real, "/");
}
END_TEST

Suite *unit_writers(void) {
    Suite *s = suite_create("writers");
    TCase *tc = tcase_create("writers");
    tcase_add_checked_fixture(tc, make_home, remove_home);
    tcase_add_loop_test(tc, way, 0, (int)COUNT(ways));
    tcase_add_test(tc, above_the_root);
    suite_add_tcase(s, tc);
    return s;
}
