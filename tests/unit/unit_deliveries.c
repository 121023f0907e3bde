/* Deliveries of webhooks: what is remembered of them, by processes that may die at any time. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/deliveries.h"
#include "limit.h"
#include "unit.h"

static int directory = -1;
static char path[64];

static void make_directory(void) {
    snprintf(path, sizeof path, "/tmp/bastion-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ne(directory, -1);
}

static void remove_directory(void) {
    unlinkat(directory, "deliveries", 0);
    close(directory);
    rmdir(path);
}

static enum delivery_state begin(struct delivery *d, unsigned name) {
    unsigned char digest[SHA256_SIZE];
    sha256(digest, &name, sizeof name);
    return deliveries_begin(d, directory, digest);
}

static void run(unsigned name, bool success) {
    struct delivery d;
    ck_assert_int_eq(begin(&d, name), DELIVERY_NEW);
    deliveries_end(&d, success);
    ck_assert_int_eq(d.fd, -1);
}

START_TEST(ends) {
    struct delivery d, other;
    ck_assert_int_eq(begin(&d, 1), DELIVERY_NEW);
    ck_assert_int_eq(begin(&other, 1), DELIVERY_RUNNING);
    ck_assert_int_eq(other.fd, -1);
    run(2, true);
    deliveries_end(&d, false); /* it may run again */
    run(1, true);
    ck_assert_int_eq(begin(&d, 1), DELIVERY_DONE);
    ck_assert_int_eq(begin(&d, 2), DELIVERY_DONE);
}
END_TEST

/* What a process has left behind that was killed has never begun. */
START_TEST(killed) {
    struct delivery d;
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (begin(&d, 1) != DELIVERY_NEW || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(begin(&d, 1), DELIVERY_RUNNING);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    run(1, true);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

/* The oldest is forgotten, never one that is running; and none while there is room. */
START_TEST(forgets) {
    struct delivery d, other;
    ck_assert_int_eq(begin(&d, 0), DELIVERY_NEW);
    for (unsigned i = 1; i < LIMIT_DELIVERIES; i++)
        run(i, true);
    ck_assert_int_eq(begin(&other, 1), DELIVERY_DONE);
    run(LIMIT_DELIVERIES, true);
    ck_assert_int_eq(begin(&other, 0), DELIVERY_RUNNING);
    ck_assert_int_eq(begin(&other, 2), DELIVERY_DONE);
    run(1, true); /* in the place of 2 */
    run(2, false);
    ck_assert_int_eq(begin(&other, 4), DELIVERY_DONE);
    ck_assert_int_eq(begin(&other, 1), DELIVERY_DONE);
    deliveries_end(&d, true);
    ck_assert_int_eq(begin(&d, 0), DELIVERY_DONE);
}
END_TEST

/* Of many processes that begin one delivery at once, one does. */
START_TEST(parallel) {
    enum { MANY = 6, ROUNDS = 5 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t child[MANY];
        int go[2], told[2], begun = 0;
        char byte;
        ck_assert(pipe(go) == 0 && pipe(told) == 0);
        for (int i = 0; i < MANY; i++)
            if ((child[i] = fork()) == 0) {
                struct delivery d;
                close(go[1]);
                if (read(go[0], &byte, 1) != 0) /* all begin when the other end is closed */
                    _exit(9);
                byte = (char)begin(&d, round);
                if (write(told[1], &byte, 1) != 1)
                    _exit(9);
                pause(); /* and hold it until all have tried */
            }
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < MANY; i++) {
            ck_assert_int_eq(read(told[0], &byte, 1), 1);
            ck_assert_int_ne(byte, DELIVERY_ERROR);
            begun += byte == DELIVERY_NEW;
        }
        for (int i = 0; i < MANY; i++) {
            kill(child[i], SIGKILL);
            waitpid(child[i], NULL, 0);
        }
        close(told[0]);
        close(told[1]);
        ck_assert_int_eq(begun, 1);
    }
}
END_TEST

/* A file of anything, as a half of it would be, is no reason to run nothing. */
START_TEST(garbage) {
    struct delivery d;
    int fd = openat(directory, "deliveries", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char byte = 'x';
    for (int i = 0; i < 100 * 48 + 17; i++)
        ck_assert_int_eq(write(fd, &byte, 1), 1);
    close(fd);
    run(1, true);
    ck_assert_int_eq(begin(&d, 1), DELIVERY_DONE);
    unlinkat(directory, "deliveries", 0);
    ck_assert_int_eq(symlinkat("/dev/null", directory, "deliveries"), 0);
    ck_assert_int_eq(begin(&d, 2), DELIVERY_ERROR);
}
END_TEST

Suite *unit_deliveries(void) {
    Suite *suite = suite_create("deliveries");
    TCase *c = tcase_create("deliveries");
    tcase_add_checked_fixture(c, make_directory, remove_directory);
    tcase_add_test(c, ends);
    tcase_add_test(c, killed);
    tcase_add_test(c, forgets);
    tcase_add_test(c, parallel);
    tcase_add_test(c, garbage);
    suite_add_tcase(suite, c);
    return suite;
}
