/* Roles: names, the list of folders, their state, and what a role's settings take from outside. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/protect.h"
#include "core/roles.h"
#include "core/settings.h"
#include "unit.h"

static char directory[64];
static char error_text[4096];
static struct buf errors;
static struct roles roles;
static struct settings outside, s;
static char *environment[] = {NULL, NULL, NULL, NULL};
static const char *const nowhere[] = {NULL};

static void set_up(void) {
    const struct settings_places places = {environment, nowhere};
    strcpy(directory, "/tmp/unit-roles-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    errors = BUF_ON(error_text);
    environment[0] = NULL;
    outside = (struct settings){.stored = 0};
    ck_assert_int_eq(settings_read(&outside, &places, NEED_ALL), 0);
}

static void tear_down(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *role, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, role);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", directory, role, name);
    FILE *f = fopen(path, "w");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static const struct {
    const char *name;
    size_t n;
    bool good;
} names[] = {
    {BYTES("a"), true},
    {BYTES("9"), true},
    {BYTES("deploy_it-2"), true},
    {BYTES(""), false},
    {BYTES("A"), false},
    {BYTES("-a"), false},
    {BYTES("_a"), false},
    {BYTES("a.b"), false},
    {BYTES("a b"), false},
    {BYTES("a\0"), false},
    {BYTES("a/b"), false},
    {BYTES(".."), false},
    {BYTES("\xc3\xa4"), false},
    {BYTES("0123456789abcdef0123456789abcdef"), true},
    {BYTES("0123456789abcdef0123456789abcdef0"), false},
};

START_TEST(good_name) {
    const struct slice text = {unit_guarded(names[_i].name, names[_i].n), names[_i].n};
    ck_assert_int_eq(roles_is_name(text), names[_i].good);
}
END_TEST

START_TEST(listed) {
    char path[256];
    put("b", "x", ""), put("a", "x", ""), put("Bad", "x", ""), put(".new", "x", "");
    snprintf(path, sizeof path, "%s/file", directory);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    roles_list(&roles, directory, &errors);
    ck_assert_uint_eq(roles.count, 2);
    ck_assert(strcmp(roles.role[0].name, "a") == 0 && strcmp(roles.role[1].name, "b") == 0);
    ck_assert_ptr_nonnull(strstr(buf_string(&errors), "/Bad: a name that can't be a role's"));
    ck_assert(roles_any(directory) && !roles_any(path) && !roles_any("/nowhere/at/all"));
    roles_list(&roles, "/nowhere/at/all", &errors);
    ck_assert_uint_eq(roles.count, 0);
}
END_TEST

/* qemu's user emulation of s390x (7.2) leaves nanoseconds out of what stat says, and not out of
 * what fstatat does; so neither says whether a folder is what it was. */
static bool lacks_nanoseconds(const char *path) {
    struct stat st, same;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert(fd != -1 && stat(path, &st) == 0 && fstatat(fd, ".", &same, 0) == 0);
    close(fd);
    return st.st_mtim.tv_nsec != same.st_mtim.tv_nsec;
}

/* A name that comes or goes, and another folder in its place, are another state; as is none. */
START_TEST(state_of_folder) {
    char one[256], other[256];
    if (lacks_nanoseconds(directory)) {
        puts("marked: state_of_folder: this emulator's stat has no nanoseconds");
        return;
    }
    put("a", "x", "");
    roles_list(&roles, directory, &errors);
    struct role role = roles.role[0];
    ck_assert(roles_is_unchanged(directory, &role));
    put("a", "y", "");
    ck_assert(!roles_is_unchanged(directory, &role));
    ck_assert(roles_look(directory, &role) && roles_is_unchanged(directory, &role));
    put("b", "x", "");
    snprintf(one, sizeof one, "%s/a", directory);
    snprintf(other, sizeof other, "%s/.b", directory);
    ck_assert_int_eq(rename(one, other), 0);
    ck_assert(!roles_is_unchanged(directory, &role) && !roles_look(directory, &role));
    ck_assert_int_eq(rename(other, one), 0);
    ck_assert(!roles_is_unchanged(directory, &role)); /* there and back is a change, too */
}
END_TEST

static int read_role(const char *name) {
    static char folder[256];
    snprintf(folder, sizeof folder, "%s/%s", directory, name);
    return settings_read_role(&s, &outside, name, folder);
}

static void begin_outside(char *one, char *two) {
    const struct settings_places places = {environment, nowhere};
    environment[0] = one;
    environment[1] = two;
    outside = (struct settings){.stored = 0};
    ck_assert_int_eq(settings_read(&outside, &places, NEED_ALL), 0);
}

START_TEST(inherited) {
    static char command[] = "ALLOWED_COMMANDS=a", timeout[] = "COMMAND_TIMEOUT=7",
                secret[] = "HTTP_TOKEN=a secret";
    begin_outside(command, timeout);
    put("plain", "README", "");
    ck_assert_int_eq(read_role("plain"), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_ALLOWED_COMMANDS), "a");
    ck_assert_uint_eq(settings_number(&s, SETTING_COMMAND_TIMEOUT), 7);
    ck_assert(strcmp(s.role, "plain") == 0 && s.list == NULL);
    put("own", "COMMAND_PREFIX", "b\n");
    ck_assert_int_eq(read_role("own"), 0);
    ck_assert_ptr_null(settings_text(&s, SETTING_ALLOWED_COMMANDS));
    ck_assert_str_eq(settings_text(&s, SETTING_COMMAND_PREFIX), "b");
    ck_assert_ptr_nonnull(strstr(s.list, "/own/allowed-commands.list"));
    begin_outside(secret, command);
    ck_assert_int_eq(read_role("plain"), 0);
    ck_assert_ptr_null(settings_text(&s, SETTING_HTTP_TOKEN));
}
END_TEST

/* Roles alone have them: elsewhere the names are anybody's. */
START_TEST(of_roles_alone) {
    static char run_as[] = "RUN_AS=0:0", docker[] = "DOCKER=tcp";
    begin_outside(run_as, docker);
    ck_assert(!settings_given(&outside, SETTING_RUN_AS)
              && !settings_given(&outside, SETTING_DOCKER));
    ck_assert(!settings_owns("DOCKER", 6) && settings_owns("DOCKER_GROUP", 12));
    put("a", "RUN_AS", "1000:1000\n"), put("a", "DOCKER", "on");
    ck_assert_int_eq(read_role("a"), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_RUN_AS), "1000:1000");
    ck_assert_uint_eq(settings_number(&s, SETTING_DOCKER), DOCKER_ON);
}
END_TEST

static const struct {
    const char *name, *text, *wrong;
} faults[] = {
    {"SSH_USER", "x", "SSH_USER: no role may have one of its own (from "},
    {"ROLES_DIR", "/x", "ROLES_DIR: no role may have one of its own (from "},
    {"COMMAND_LOCK", "x", "COMMAND_LOCK: must be one of: skip refuse wait off rerun join (from "},
    {"RUN_AS", "0:1", "RUN_AS: must be an account's name, or UID:GID, both above 0 (from "},
    {"RUN_AS", "root", "RUN_AS: must not be root (from "},
    {"DOCKER", "yes", "DOCKER: must be one of: off on (from "},
};

START_TEST(faulty) {
    put("a", faults[_i].name, faults[_i].text);
    ck_assert_int_eq(read_role("a"), -1);
    ck_assert_int_eq(strncmp(s.error, faults[_i].wrong, strlen(faults[_i].wrong)), 0);
}
END_TEST

START_TEST(secret_of_role) {
    char text[LIMIT_SECRET + 2], error[LIMIT_ERROR], folder[256];
    size_t n;
    snprintf(folder, sizeof folder, "%s/a", directory);
    put("a", "HTTP_TOKEN", "abc\n"), put("a", "HTTP_BASIC_AUTH", "nobody");
    ck_assert_int_eq(settings_read_role_secret(SETTING_HTTP_TOKEN, folder, text, &n, error), 1);
    ck_assert(n == 3 && memcmp(text, "abc", 3) == 0);
    ck_assert_int_eq(settings_read_role_secret(SETTING_HTTP_BASIC_AUTH, folder, text, &n, error),
                     -1);
    ck_assert_ptr_nonnull(strstr(error, "/a/HTTP_BASIC_AUTH: must be user:password"));
    put("a", "HTTP_TOKEN", "");
    ck_assert_int_eq(settings_read_role_secret(SETTING_HTTP_TOKEN, folder, text, &n, error), 0);
    ck_assert_int_eq(settings_read_role_secret(SETTING_HTTP_TOKEN, "/nowhere", text, &n, error), 0);
}
END_TEST

Suite *unit_roles(void) {
    Suite *suite = suite_create("roles");
    TCase *tc = tcase_create("roles");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, good_name, 0, (int)COUNT(names));
    tcase_add_test(tc, listed);
    tcase_add_test(tc, state_of_folder);
    tcase_add_test(tc, inherited);
    tcase_add_test(tc, of_roles_alone);
    tcase_add_loop_test(tc, faulty, 0, (int)COUNT(faults));
    tcase_add_test(tc, secret_of_role);
    suite_add_tcase(suite, tc);
    return suite;
}
