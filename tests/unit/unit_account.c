/* Accounts, from files made for the test. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "unit.h"

static char passwd[32], group[32];
static int passwd_fd, group_fd;

static void make_files(void) {
    strcpy(passwd, "/tmp/bastion-unit-passwd-XXXXXX");
    strcpy(group, "/tmp/bastion-unit-group-XXXXXX");
    passwd_fd = mkstemp(passwd);
    group_fd = mkstemp(group);
    ck_assert(passwd_fd >= 0 && group_fd >= 0);
}

static void remove_files(void) {
    close(passwd_fd);
    close(group_fd);
    unlink(passwd);
    unlink(group);
}

static void put(int fd, const char *text) {
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

#define LINE "agent:x:1000:1001:A Gent:/home/agent:/bin/sh\n"
static const struct {
    const char *passwd, *group;
    int result;
    size_t groups;
    gid_t last;
} rows[] = {
    {"root:x:0:0::/root:/bin/sh\n" LINE, "a:x:5:agent\n", 0, 2, 5},
    {LINE, "", 0, 1, 1001},
    {LINE, "a:x:5:agentx,xagent,x\nb:x:6:x,agent,y\nc:x:7:\n", 0, 2, 6},
    {LINE, "a:x:1001:agent\na:x:5:agent\na:x:5:agent\n", 0, 2, 5},
    /* the last has no newline */
    {LINE, "a:x:5\nb:x:-1:agent\nc:x:4294967295:agent\nd:x::agent\ne:x:8:agent", 0, 2, 8},
    {"agentx:x:1:1::/:/\nxagent:x:1:1::/:/\nagent:short\n", "", -1, 0, 0},
    {"agent:x:1000:1001:A Gent:/home/agent:/bin/sh:more\n", "", -1, 0, 0},
    {"agent:x:4294967295:1::/:/\n", "", -1, 0, 0},
    {"agent:x:-1:1::/:/\n", "", -1, 0, 0},
    {"agent:x:1:1 ::/:/\n", "", -1, 0, 0},
    {"agent:x:0x1:1::/:/\n", "", -1, 0, 0},
    {"#agent:x:1:1::/:/\n+::::::\n", "", -1, 0, 0},
    {"", "", -1, 0, 0},
    {"agent:x:2:2::/first:/\nagent:x:3:3::/second:/\n", "", 0, 1, 2},
};

START_TEST(found) {
    static struct account a;
    put(passwd_fd, rows[_i].passwd);
    put(group_fd, rows[_i].group);
    ck_assert_int_eq(account_find_in(&a, "agent", passwd, group), rows[_i].result);
    if (rows[_i].result == 0) {
        ck_assert_str_eq(a.name, "agent");
        ck_assert_uint_eq((size_t)a.group_count, rows[_i].groups);
        ck_assert_uint_eq(a.groups[a.group_count - 1], rows[_i].last);
    }
}
END_TEST

START_TEST(all_of_it) {
    static struct account a;
    put(passwd_fd, LINE);
    ck_assert_int_eq(account_find_in(&a, "agent", passwd, "/nonexistent/group"), 0);
    ck_assert(a.uid == 1000 && a.gid == 1001 && strcmp(a.home, "/home/agent") == 0);
    ck_assert_int_eq(account_find_in(&a, "agent", "/nonexistent/passwd", group), -1);
}
END_TEST

/* Entries far into a long file; a line that does not fit, and more groups than fit, are refused,
 * not cut. */
START_TEST(large) {
    static struct account a;
    static char line[LIMIT_ACCOUNT_LINE + 64];
    for (int i = 0; i < 3000; i++) {
        snprintf(line, sizeof line, "user%d:x:%d:%d::/home/user%d:/bin/sh\n", i, 2000 + i, 2000 + i,
                 i);
        put(passwd_fd, line);
    }
    put(passwd_fd, LINE);
    for (int i = 0; i < LIMIT_GROUPS - 1; i++) {
        snprintf(line, sizeof line, "g%d:x:%d:x,agent\n", i, 5000 + i);
        put(group_fd, line);
    }
    ck_assert_int_eq(account_find_in(&a, "agent", passwd, group), 0);
    ck_assert_int_eq(a.group_count, LIMIT_GROUPS);
    put(group_fd, "more:x:9:agent\n");
    ck_assert_int_eq(account_find_in(&a, "agent", passwd, group), -1);
    ck_assert_int_eq(ftruncate(group_fd, 0), 0);
    lseek(group_fd, 0, SEEK_SET);
    memset(line, 'x', sizeof line - 1);
    put(group_fd, line);
    ck_assert_int_eq(account_find_in(&a, "agent", passwd, group), -1);
}
END_TEST

Suite *unit_account(void) {
    Suite *s = suite_create("account");
    TCase *tc = tcase_create("account");
    tcase_add_checked_fixture(tc, make_files, remove_files);
    tcase_add_loop_test(tc, found, 0, (int)COUNT(rows));
    tcase_add_test(tc, all_of_it);
    tcase_add_test(tc, large);
    suite_add_tcase(s, tc);
    return s;
}
