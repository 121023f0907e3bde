/* Runs every suite; the exit status is non-zero when a check failed. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

int main(void) {
    Suite *(*const suites[])(void) = {
        unit_num,       unit_buf,           unit_clock,   unit_env,        unit_ip,
        unit_ucspi,     unit_base64,        unit_utf8,    unit_quote,      unit_http1,
        unit_chunk,     unit_opening,       unit_body,    unit_settings,   unit_auth,
        unit_admission, unit_policy,        unit_account, unit_authorized, unit_openssh_key,
        unit_tinysshd,  unit_base64_encode, unit_broker,  unit_json,       unit_docker,
        unit_x509,      unit_ere,           unit_lint,    unit_check,      unit_init};
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < COUNT(suites); i++)
        srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
