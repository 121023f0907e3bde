/* What process 1 goes by: the run directory's owner, and /proc/PID/stat. */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc_stat.h"
#include "base/run_directory.h"
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

Suite *unit_init(void) {
    Suite *s = suite_create("init");
    TCase *tc = tcase_create("run directory");
    tcase_add_loop_test(tc, run_directory, 0, COUNT(directories));
    suite_add_tcase(s, tc);
    tc = tcase_create("processes");
    tcase_add_test(tc, stat_of_a_process);
    suite_add_tcase(s, tc);
    return s;
}
