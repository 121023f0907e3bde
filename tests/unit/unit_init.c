/* What process 1 goes by: the run directory's owner, /proc/PID/stat and the tree of processes. */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc_stat.h"
#include "base/rate.h"
#include "base/run_directory.h"
#include "../init/process_tree.h"
#include "unit.h"

static const struct {
    mode_t mode;
    uid_t uid; /* 1: this process's */
    enum run_directory_state state;
} directories[] = {
    {S_IFDIR | 0755, 0, RUN_DIRECTORY_FIT},       {S_IFDIR | 0700, 1, RUN_DIRECTORY_FIT},
    {S_IFREG | 0644, 0, RUN_DIRECTORY_NONE},      {S_IFLNK | 0777, 0, RUN_DIRECTORY_NONE},
    {S_IFDIR | 0755, 4242, RUN_DIRECTORY_OTHERS}, {S_IFDIR | 0775, 0, RUN_DIRECTORY_WRITABLE},
    {S_IFDIR | 01757, 0, RUN_DIRECTORY_WRITABLE},
};

START_TEST(run_directory) {
    uid_t uid = directories[_i].uid == 1 ? geteuid() : directories[_i].uid;
    struct stat st = {.st_mode = directories[_i].mode, .st_uid = uid};
    ck_assert_int_eq(run_directory_judge(&st), directories[_i].state);
}
END_TEST

/* A name may look like the fields behind it. */
START_TEST(stat_of_a_process) {
    struct proc_stat stat;
    int end[2];
    char byte;
    ck_assert_int_eq(pipe(end), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, "x) Z 1 2 3 (");
        setsid();
        close(end[1]);
        _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(end[0]);
    do
        ck_assert(proc_stat_read(&stat, pid));
    while (stat.session != pid);
    ck_assert(!stat.has_ended);
    ck_assert_int_eq(stat.parent, getpid());
    close(end[1]);
    do
        ck_assert(proc_stat_read(&stat, pid));
    while (!stat.has_ended);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(!proc_stat_read(&stat, pid));
}
END_TEST

/* ---- the tree ---- */

static struct process_tree tree;

static void add_process(pid_t pid, pid_t parent, pid_t session) {
    tree.pid[tree.count] = pid;
    tree.parent[tree.count] = parent;
    tree.session[tree.count] = session;
    tree.count++;
}

/* The first process of the branch that a process is in, or 0. */
static pid_t branch_of(pid_t pid) {
    uint32_t at = process_tree_find(&tree, pid);
    ck_assert(at != PROCESS_NONE);
    return tree.branch[at] == PROCESS_NONE ? 0 : tree.pid[tree.branch[at]];
}

static bool has_session(pid_t pid) { return tree.has_session[process_tree_find(&tree, pid)]; }

START_TEST(tree_of_connections) {
    /* 1: process 1. 50: an idle connection. 60: one with a command, 70, that has started 65 and 71.
     * 80: what another command has left behind. 2: another container's, with a child. */
    static const pid_t all[][3] = {{71, 70, 70}, {1, 0, 1},    {50, 1, 50}, {60, 1, 60},
                                   {70, 61, 70}, {61, 60, 60}, {80, 1, 79}, {2, 0, 2},
                                   {51, 50, 50}, {65, 70, 70}, {3, 2, 2}};
    tree.count = 0;
    for (size_t i = 0; i < COUNT(all); i++)
        add_process(all[i][0], all[i][1], all[i][2]);
    ck_assert_uint_eq(process_tree_arrange(&tree, 1), 2 * COUNT(all));
    ck_assert_int_eq(branch_of(1), 0);
    ck_assert_int_eq(branch_of(2), 0);
    ck_assert_int_eq(branch_of(3), 0);
    ck_assert_int_eq(branch_of(51), 50);
    ck_assert_int_eq(branch_of(60), 60);
    ck_assert_int_eq(branch_of(71), 60);
    ck_assert_int_eq(branch_of(65), 60);
    ck_assert_int_eq(branch_of(80), 80);
    ck_assert(!has_session(50));
    ck_assert(has_session(60));
    ck_assert(has_session(80));
    ck_assert_uint_eq(process_tree_find(&tree, 4), PROCESS_NONE);
    ck_assert_uint_eq(process_tree_find(&tree, 99), PROCESS_NONE);
}
END_TEST

/* However they hang together, each is passed twice. */
enum { MANY = LIMIT_PROCESSES - 1 };

static pid_t chain_down(pid_t n) { return n + 1; }
static pid_t chain_up(pid_t n) { return n - 1; }
static pid_t chain_mixed(pid_t n) { return n % 2 == 0 ? n / 2 : n - 1; }
static pid_t star(pid_t n) { return n == 2 ? 1 : 2; }
static pid_t circle(pid_t n) { return n == MANY ? 2 : n + 1; }
static pid_t own_parent(pid_t n) { return n; }
static pid_t orphans(pid_t n) { return n + MANY; }

static const struct {
    pid_t (*parent)(pid_t n);
    bool below; /* all of them */
} shapes[] = {{chain_down, true}, {chain_up, true},    {chain_mixed, true}, {star, true},
              {circle, false},    {own_parent, false}, {orphans, false}};

START_TEST(tree_is_linear) {
    pid_t top = shapes[_i].parent == chain_down ? MANY + 1 : 1;
    tree.count = 0;
    for (pid_t n = MANY; n >= 2; n--)
        add_process(n, shapes[_i].parent(n), n);
    ck_assert_uint_eq(process_tree_arrange(&tree, top), 2 * tree.count);
    size_t below = 0;
    for (size_t i = 0; i < tree.count; i++)
        below += tree.branch[i] != PROCESS_NONE;
    ck_assert_uint_eq(below, shapes[_i].below ? tree.count : 0);
}
END_TEST

START_TEST(tree_of_nobody) {
    tree.count = 0;
    ck_assert_uint_eq(process_tree_arrange(&tree, 1), 0);
    ck_assert_uint_eq(process_tree_find(&tree, 1), PROCESS_NONE);
}
END_TEST

/* ---- so many a second ---- */

START_TEST(rate_of_lines) {
    struct rate r = {0};
    int64_t now = 5000;
    for (int i = 0; i < 3; i++)
        ck_assert(rate_allows(&r, 3, now + i));
    ck_assert(!rate_is_due(&r, now + 2 * RATE_MS));
    for (int i = 0; i < 10; i++)
        ck_assert(!rate_allows(&r, 3, now + RATE_MS - 1));
    ck_assert_uint_eq(r.left_out, 10);
    ck_assert(!rate_is_due(&r, now + RATE_MS - 1));
    ck_assert(rate_is_due(&r, now + RATE_MS));
    ck_assert(rate_allows(&r, 3, now + RATE_MS)); /* and the caller says how many there were */
    ck_assert_uint_eq(r.left_out, 10);
}
END_TEST

Suite *unit_init(void) {
    Suite *s = suite_create("init");
    TCase *tc = tcase_create("run directory");
    tcase_add_loop_test(tc, run_directory, 0, COUNT(directories));
    suite_add_tcase(s, tc);
    tc = tcase_create("processes");
    tcase_add_test(tc, stat_of_a_process);
    tcase_add_test(tc, tree_of_connections);
    tcase_add_test(tc, tree_of_nobody);
    tcase_add_loop_test(tc, tree_is_linear, 0, COUNT(shapes));
    tcase_add_test(tc, rate_of_lines);
    suite_add_tcase(s, tc);
    return s;
}
