/* directory: the names in one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/directory.h"
#include "unit.h"

enum { FILES = 300 }; /* more than one call brings */

static int open_home(char home[32]) {
    strcpy(home, "/tmp/bastion-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    return open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

START_TEST(all_names) {
    char home[32], name[32];
    bool seen[FILES] = {false};
    int at = open_home(home), count = 0;
    struct directory d;
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "a-name-of-%d", i);
        close(openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    ck_assert_int_eq(directory_open(&d, home), 0);
    for (const char *found; (found = directory_next(&d, NULL)) != NULL; count++) {
        int number = -1;
        ck_assert_int_eq(sscanf(found, "a-name-of-%d", &number), 1);
        ck_assert(number >= 0 && number < FILES && !seen[number]);
        seen[number] = true;
        ck_assert_int_eq(unlinkat(at, found, 0), 0);
    }
    ck_assert_int_eq(count, FILES);
    ck_assert(!d.failed);
    directory_close(&d);
    close(at);
    ck_assert_int_eq(rmdir(home), 0);
}
END_TEST

START_TEST(no_directory) {
    struct directory d;
    ck_assert_int_eq(directory_open(&d, "/nowhere"), -1);
    ck_assert_int_eq(directory_open(&d, "/dev/null"), -1);
    directory_take(&d, open("/dev/null", O_RDONLY | O_CLOEXEC));
    ck_assert_ptr_null(directory_next(&d, NULL));
    ck_assert(d.failed);
    directory_close(&d);
    ck_assert_int_eq(d.fd, -1);
}
END_TEST

Suite *unit_directory(void) {
    Suite *s = suite_create("directory");
    TCase *t = tcase_create("directory");
    tcase_add_test(t, all_names);
    tcase_add_test(t, no_directory);
    suite_add_tcase(s, t);
    return s;
}
