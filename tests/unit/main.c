/* Runs every suite with a process for each check and, where there is LeakSanitizer, at the same
 * time in one process, for the search for leaks. The exit status is non-zero when a check failed or
 * something leaked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

char *unit_guarded(const void *bytes, size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n + page - 1) / page * page;
    char *at = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(at != MAP_FAILED);
    ck_assert_int_eq(mprotect(at + room, page, PROT_NONE), 0);
    if (n > 0)
        memcpy(at + room - n, bytes, n);
    return at + room - n;
}

static SRunner *runner_of_all(enum fork_status how) {
    /* First those whose checks fork very often: the sanitizer's memory, which grows, is copied with
     * it. */
    Suite *(*const suites[])(void) = {
        unit_shared_run,  unit_record,    unit_deliveries,    unit_init,       unit_num,
        unit_buf,         unit_clock,     unit_env,           unit_ip,         unit_ucspi,
        unit_base64,      unit_utf8,      unit_quote,         unit_form,       unit_http1,
        unit_chunk,       unit_opening,   unit_proxy,         unit_body,       unit_settings,
        unit_auth,        unit_admission, unit_policy,        unit_account,    unit_authorized,
        unit_openssh_key, unit_tinysshd,  unit_base64_encode, unit_broker,     unit_json,
        unit_docker,      unit_x509,      unit_ere,           unit_lint,       unit_check,
        unit_token_file,  unit_tokens,    unit_roles,         unit_connection, unit_small_file,
        unit_writers,     unit_json_push, unit_hook,          unit_directory};
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < COUNT(suites); i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_fork_status(runner, how);
    return runner;
}

/* Whether this process ends without a search for leaks; LeakSanitizer, where it is there (its
 * header is not everywhere), asks as it ends. */
static int leaks_unsearched;

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return leaks_unsearched; }

/* A process for each check: four times the work if each of them searched for leaks. */
static int failed_apart(void) {
    leaks_unsearched = 1;
    SRunner *runner = runner_of_all(CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

#ifndef __SANITIZE_ADDRESS__

int main(void) { return failed_apart() == 0 ? EXIT_SUCCESS : EXIT_FAILURE; }

#else

/* All of them in one process, whose end shows what any of them has leaked. */
static int failed_together(void) {
    SRunner *runner = runner_of_all(CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    if (failed > 0)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return failed;
}

int main(void) {
    pid_t together = fork();
    if (together == 0) {
        setpgid(0, 0); /* libcheck answers this alarm by killing the process group */
        alarm(600); /* a check that hangs is named by the others, each of which has its own time */
        exit(failed_together() == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int failed = failed_apart(), status = -1;
    if (waitpid(together, &status, 0) != together || status != 0) {
        fprintf(stderr,
                "unit: a check in one process with all others failed, or something leaked\n");
        failed++;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
