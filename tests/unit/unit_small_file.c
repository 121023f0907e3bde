/* small_file: whole files, and all else that may stand where one is wanted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/small_file.h"
#include "unit.h"

static char home[32];
static int directory;

static void make_home(void) {
    strcpy(home, "/tmp/bastion-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    directory = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory, 0);
}

static void remove_home(void) {
    if (unlinkat(directory, "x", 0) == -1)
        unlinkat(directory, "x", AT_REMOVEDIR);
    close(directory);
    rmdir(home);
}

static const struct {
    char what; /* f a file of n bytes, d a directory, p a FIFO, l a link */
    size_t n;
    const char *link, *wrong;
    int error; /* what is wrong, in the C library's words */
} rows[] = {
    {'f', 0, NULL, NULL, 0},
    {'f', 7, NULL, NULL, 0},
    {'f', 8, NULL, "too long", 0},
    {'f', 9, NULL, "too long", 0},
    {'d', 0, NULL, "a folder, where a file is wanted: a mount whose source is missing makes one",
     0},
    {'p', 0, NULL, "not a regular file", 0},
    {'l', 0, "/dev/zero", "not a regular file", 0},
    {'l', 0, "gone", NULL, ENOENT},
    {'l', 0, "x", NULL, ELOOP},
};

static void put_row(int i) {
    int fd;
    switch (rows[i].what) {
    case 'f':
        fd = openat(directory, "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(fd, "123456789", rows[i].n), (ssize_t)rows[i].n);
        close(fd);
        break;
    case 'd': ck_assert_int_eq(mkdirat(directory, "x", 0700), 0); break;
    case 'p': ck_assert_int_eq(mkfifoat(directory, "x", 0600), 0); break;
    case 'l': ck_assert_int_eq(symlinkat(rows[i].link, directory, "x"), 0); break;
    }
}

/* A cap of 8 bytes: what is longer than 7 is too long, and nothing is written behind the 8th. */
START_TEST(read_whole) {
    char *bytes = unit_guarded("        ", 8);
    struct stat st;
    size_t n = 77;
    put_row(_i);
    int fd = small_file_open(directory, "x");
    if (fd == -1)
        ck_assert(!small_file_is_missing(directory, "x"));
    const char *wrong = small_file_read(fd, bytes, 8, &n, &st);
    const char *expected = rows[_i].error != 0 ? strerror(rows[_i].error) : rows[_i].wrong;
    ck_assert_str_eq(wrong != NULL ? wrong : "", expected != NULL ? expected : "");
    ck_assert_uint_eq(n, wrong == NULL ? rows[_i].n : 0);
    ck_assert_int_eq(memcmp(bytes, "123456789", n), 0);
    if (fd == -1)
        ck_assert_uint_eq(st.st_mode, 0);
    else
        ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(missing) {
    char byte;
    struct stat st;
    size_t n;
    int fd = small_file_open(directory, "x");
    ck_assert_int_eq(fd, -1);
    ck_assert(small_file_is_missing(directory, "x"));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_str_eq(small_file_read(fd, &byte, 1, &n, &st), "No such file or directory");
}
END_TEST

/* No program that is started has it, and no FIFO can hold the process up. */
START_TEST(flags) {
    put_row(1);
    int fd = small_file_open(directory, "x");
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
    close(fd);
}
END_TEST

Suite *unit_small_file(void) {
    Suite *s = suite_create("small_file");
    TCase *tc = tcase_create("small_file");
    tcase_add_checked_fixture(tc, make_home, remove_home);
    tcase_add_loop_test(tc, read_whole, 0, (int)COUNT(rows));
    tcase_add_test(tc, missing);
    tcase_add_test(tc, flags);
    suite_add_tcase(s, tc);
    return s;
}
