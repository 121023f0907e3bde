/* Settings: what a value may be, where it comes from, whom a file may belong to. Folders are made
 * for each test. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/settings.h"
#include "unit.h"

static struct settings s;
static char directory_a[32], directory_b[32];

static void make_directories(void) {
    strcpy(directory_a, "/tmp/bastion-unit-a-XXXXXX");
    strcpy(directory_b, "/tmp/bastion-unit-b-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory_a));
    ck_assert_ptr_nonnull(mkdtemp(directory_b));
}

static void remove_directories(void) {
    const char *directories[] = {directory_a, directory_b};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        for (int id = 0; id < SETTING_COUNT; id++) {
            snprintf(path, sizeof path, "%s/%s", directories[i], settings_name((enum setting)id));
            unlink(path);
            rmdir(path);
        }
        rmdir(directories[i]);
    }
}

static const char *put(const char *directory, const char *name, const char *bytes, size_t n) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    return path;
}

static int read_settings(char *const *environment, unsigned needs) {
    const char *const directories[] = {directory_a, directory_b, NULL};
    struct settings_places places = {environment, directories};
    s = (struct settings){0};
    return settings_read(&s, &places, needs);
}

/* ---- values ---- */

static const struct {
    const char *entry; /* NAME=value */
    const char *error; /* what the line starts with; NULL: good */
} values[] = {
    {"FORCE_COMMAND=echo a; echo b", NULL},
    {"FORCE_COMMAND=echo a\necho b", NULL},
    {"FORCE_COMMAND= \t\n", "FORCE_COMMAND: blank (from the environment)"},
    {"HTTP_BASIC_AUTH=u:p", NULL},
    {"HTTP_BASIC_AUTH=u:p:q", NULL},
    {"HTTP_BASIC_AUTH=u", "HTTP_BASIC_AUTH: must be user:password (from the environment)"},
    {"HTTP_BASIC_AUTH=:p", "HTTP_BASIC_AUTH: must be user:password"},
    {"HTTP_BASIC_AUTH=u:", "HTTP_BASIC_AUTH: must be user:password"},
    {"HTTP_BASIC_AUTH=u:p\n", "HTTP_BASIC_AUTH: must be one line"},
    {"HTTP_TOKEN=abc", NULL},
    {"HTTP_TOKEN=a\tb", "HTTP_TOKEN: must be one line"},
    {"HTTP_TOKEN=a\r", "HTTP_TOKEN: must be one line"},
    {"HTTP_TOKEN= a", "HTTP_TOKEN: must be one line"},
    {"HTTP_TOKEN=a ", "HTTP_TOKEN: must be one line"},
    {"HTTP_HOLD_MS=0", NULL},
    {"HTTP_HOLD_MS=3600000", NULL},
    {"HTTP_HOLD_MS=3600001",
     "HTTP_HOLD_MS: must be a number from 0 to 3600000 (from the environment)"},
    {"HTTP_HOLD_MS=-1", "HTTP_HOLD_MS: must be a number"},
    {"HTTP_HOLD_MS=1s", "HTTP_HOLD_MS: must be a number"},
    {"HTTP_HOLD_MS=1\n", "HTTP_HOLD_MS: must be a number"},
    {"HTTP_PORT=0", "HTTP_PORT: must be a number from 1 to 65535, or off"},
    {"HTTP_PORT=65536", "HTTP_PORT: must be a number from 1 to 65535, or off"},
    {"HTTP_PORT=65535", NULL},
    {"HTTP_PORT=off", NULL},
    {"HTTP_PORT=OFF", "HTTP_PORT: must be a number from 1 to 65535, or off (from the environment)"},
    {"HTTP_PORT=tcp://10.0.0.7:80", NULL},
    {"HTTP_PORT=http://10.0.0.7:80", "HTTP_PORT: must be"},
    {"MAX_CONNECTIONS=tcp://10.0.0.7:80", "MAX_CONNECTIONS: must be a number"},
    {"HTTP_STDIN=body", NULL},
    {"HTTP_STDIN=on", "HTTP_STDIN: must be one of: off body (from the environment)"},
    {"HTTP_STDIN=OFF", "HTTP_STDIN: must be one of"},
    {"HTTP_STDIN=off body", "HTTP_STDIN: must be one of"},
    {"COMMAND_LOCK=ski", "COMMAND_LOCK: must be one of: skip refuse wait off rerun join"},
    {"COMMAND_LOCK=wait", NULL},
    {"ON_DISCONNECT=hangup", NULL},
    {"ON_DISCONNECT=stop", "ON_DISCONNECT: must be one of: continue hangup"},
    {"AUDIT=json", NULL},
    {"AUDIT=xml", "AUDIT: must be one of: text json"},
    {"SSH_USER=www-data", NULL},
    {"SSH_USER=-rf", "SSH_USER: must be an account's name"},
    {"SSH_USER=a b", "SSH_USER: must be an account's name"},
    {"SSH_USER=../x", "SSH_USER: must be an account's name"},
    {"RUN_DIR=run", "RUN_DIR: must be an absolute path"},
    {"RUN_DIR=/run/x", NULL},
    {"RUN_DIR=/run/\x1b", "RUN_DIR: must be an absolute path"},
    {"TLS=self-signed", NULL},
    {"TLS=yes", "TLS: must be one of: self-signed"},
    {"TLS_CERT=/c", "TLS_CERT: needs TLS_KEY too"},
    {"TLS_KEY=/c", "TLS_KEY: needs TLS_CERT too"},
    {"COMMAND_TIMEOUT=", NULL},
};

START_TEST(value) {
    char *environment[] = {strdup(values[_i].entry), NULL};
    int result = read_settings(environment, NEED_ALL);
    if (values[_i].error == NULL)
        ck_assert_msg(result == 0, "%s", s.error);
    else
        ck_assert_msg(result == -1
                          && strncmp(s.error, values[_i].error, strlen(values[_i].error)) == 0,
                      "%s", s.error);
    ck_assert_ptr_null(strchr(s.error, '\n'));
    free(environment[0]);
}
END_TEST

START_TEST(contradictions) {
    char certificate[] = "TLS_CERT=/a", key[] = "TLS_KEY=/b", made[] = "TLS=self-signed";
    char *half[] = {certificate, NULL}, *both[] = {certificate, key, made, NULL};
    ck_assert_int_eq(read_settings(half, NEED_ALL), -1);
    ck_assert_str_eq(s.error, "TLS_CERT: needs TLS_KEY too (from the environment)");
    ck_assert_int_eq(read_settings(both, NEED_ALL), -1);
    /* of no concern to it, and yet known: where the file is, no command may write */
    ck_assert_int_eq(read_settings(half, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_TLS_CERT), "/a");
}
END_TEST

START_TEST(ports) {
    char http[] = "HTTP_PORT=22", https[] = "HTTPS_PORT=8080", token[] = "HTTP_TOKEN=t",
         tls[] = "TLS=self-signed";
    char *unused[] = {http, NULL}, *same[] = {http, token, NULL}, *plain[] = {https, token, NULL},
         *both[] = {https, token, tls, NULL};
    ck_assert_int_eq(read_settings(unused, NEED_ALL), 0);
    ck_assert_int_eq(read_settings(same, NEED_ALL), -1);
    ck_assert_str_eq(s.error, "HTTP_PORT: the same port as SSH_PORT (from the environment)");
    ck_assert_int_eq(read_settings(same, NEED_ALL & ~(unsigned)NEED_LISTENERS), 0);
    ck_assert_int_eq(read_settings(plain, NEED_ALL), 0);
    ck_assert_int_eq(read_settings(both, NEED_ALL), -1);
    ck_assert_str_eq(s.error, "HTTPS_PORT: the same port as HTTP_PORT (from the environment)");
}
END_TEST

START_TEST(defaults) {
    char from[SETTINGS_SOURCE];
    char *none[] = {NULL};
    ck_assert_int_eq(read_settings(none, NEED_ALL), 0);
    ck_assert_uint_eq(settings_number(&s, SETTING_HTTP_HOLD_MS), 1000);
    ck_assert_uint_eq(settings_number(&s, SETTING_HTTP_STDIN), HTTP_STDIN_OFF);
    ck_assert_str_eq(settings_text(&s, SETTING_SSH_USER), "agent");
    ck_assert_str_eq(settings_text(&s, SETTING_RUN_DIR), "/run/bastion");
    ck_assert_str_eq(settings_source(&s, SETTING_RUN_DIR, from), "by default");
    ck_assert(!settings_given(&s, SETTING_RUN_DIR)
              && settings_text(&s, SETTING_FORCE_COMMAND) == NULL);
}
END_TEST

/* ---- places ---- */

START_TEST(precedence) {
    char value_env[] = "FORCE_COMMAND=env", file_env[128], empty[] = "FORCE_COMMAND=";
    char from[SETTINGS_SOURCE];
    put(directory_b, "FORCE_COMMAND", BYTES("b\n"));
    char *none[] = {NULL};
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_FORCE_COMMAND), "b");
    put(directory_a, "FORCE_COMMAND", BYTES("a\n\n"));
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    /* one final newline, not all of them */
    ck_assert_str_eq(settings_text(&s, SETTING_FORCE_COMMAND), "a\n");
    ck_assert_ptr_nonnull(strstr(settings_source(&s, SETTING_FORCE_COMMAND, from), directory_a));
    snprintf(file_env, sizeof file_env, "FORCE_COMMAND_FILE=%s",
             put(directory_b, "FORCE_COMMAND", BYTES("named")));
    char *named[] = {file_env, empty, NULL};
    ck_assert_int_eq(read_settings(named, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_FORCE_COMMAND), "named");
    char *both[] = {file_env, value_env, NULL};
    ck_assert_int_eq(read_settings(both, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_FORCE_COMMAND), "env");
    /* A program whose environment is the client's. */
    ck_assert_int_eq(read_settings(NULL, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, SETTING_FORCE_COMMAND), "a\n");
}
END_TEST

START_TEST(empty_file_is_none) {
    char *none[] = {NULL};
    put(directory_a, "COMMAND_TIMEOUT", BYTES("\n"));
    put(directory_b, "COMMAND_TIMEOUT", BYTES("7"));
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_uint_eq(settings_number(&s, SETTING_COMMAND_TIMEOUT), 7);
}
END_TEST

START_TEST(named_file_must_be_there) {
    char missing[] = "HTTP_TOKEN_FILE=/nonexistent/token", device[] = "HTTP_TOKEN_FILE=/dev/zero",
         empty[128];
    char *one[] = {missing, NULL}, *two[] = {device, NULL}, *three[] = {empty, NULL};
    ck_assert_int_eq(read_settings(one, NEED_HTTP), -1);
    ck_assert_str_eq(
        s.error, "HTTP_TOKEN: No such file or directory (from HTTP_TOKEN_FILE=/nonexistent/token)");
    ck_assert_int_eq(read_settings(two, NEED_HTTP), -1);
    ck_assert_ptr_nonnull(strstr(s.error, "not a regular file"));
    snprintf(empty, sizeof empty, "HTTP_TOKEN_FILE=%s", put(directory_a, "TLS", BYTES("\n")));
    ck_assert_int_eq(read_settings(three, NEED_HTTP), -1);
    ck_assert_ptr_nonnull(strstr(s.error, "empty"));
}
END_TEST

START_TEST(named_file_from_here) {
    char relative[] = "HTTP_TOKEN_FILE=TLS";
    char *one[] = {relative, NULL};
    char here[256], wanted[300];
    put(directory_a, "TLS", BYTES("token"));
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    ck_assert_int_eq(chdir(directory_a), 0);
    int result = read_settings(one, NEED_HTTP);
    ck_assert_int_eq(chdir(here), 0);
    ck_assert_int_eq(result, 0);
    ck_assert_str_eq(settings_text(&s, SETTING_HTTP_TOKEN), "token");
    snprintf(wanted, sizeof wanted, "%s/TLS", directory_a);
    ck_assert_str_eq(s.named_file[SETTING_HTTP_TOKEN], wanted);
}
END_TEST

START_TEST(longest_value) {
    static char variable[sizeof "FORCE_COMMAND=" + LIMIT_VALUE + 1];
    char *one[] = {variable, NULL};
    int n = snprintf(variable, sizeof variable, "FORCE_COMMAND=");
    memset(variable + n, 'x', LIMIT_VALUE);
    ck_assert_int_eq(read_settings(one, NEED_RUN), 0);
    variable[n + LIMIT_VALUE] = 'x';
    ck_assert_int_eq(read_settings(one, NEED_RUN), -1);
    ck_assert_str_eq(s.error, "FORCE_COMMAND: too long (from the environment)");
}
END_TEST

START_TEST(contents) {
    static char big[LIMIT_VALUE + 2];
    char *none[] = {NULL};
    memset(big, 'x', sizeof big);
    put(directory_a, "FORCE_COMMAND", big, LIMIT_VALUE);
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_uint_eq(strlen(settings_text(&s, SETTING_FORCE_COMMAND)), LIMIT_VALUE);
    put(directory_a, "FORCE_COMMAND", big, LIMIT_VALUE + 1);
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.error, "too long"));
    put(directory_a, "FORCE_COMMAND", BYTES("a\0b"));
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.error, "NUL"));
}
END_TEST

START_TEST(trust) {
    char *none[] = {NULL};
    const char *path = put(directory_a, "FORCE_COMMAND", BYTES("x"));
    static const struct {
        mode_t mode;
        int result;
    } modes[] = {{0600, 0}, {0644, 0}, {0444, 0}, {0620, -1}, {0602, -1}, {0666, -1}};
    for (size_t i = 0; i < COUNT(modes); i++) {
        ck_assert_int_eq(chmod(path, modes[i].mode), 0);
        ck_assert_msg(read_settings(none, NEED_RUN) == modes[i].result, "mode %o: %s",
                      modes[i].mode, s.error);
    }
    chmod(path, 0600);
    ck_assert_int_eq(chmod(directory_a, 0777), 0);
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.error, "can be written by others than root"));
    chmod(directory_a, 0700);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, 12345, 0), 0);
        ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
        ck_assert_ptr_nonnull(strstr(s.error, "can be written by others than root"));
    }
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.error, "a folder, where a file is wanted"));
}
END_TEST

/* A setting that is not needed is neither read nor judged: its file may be somebody else's
 * secret. */
START_TEST(needs) {
    char bad[] = "HTTP_PORT=x";
    char *environment[] = {bad, NULL};
    put(directory_a, "HTTP_TOKEN", BYTES("a\tb"));
    ck_assert_int_eq(read_settings(environment, NEED_RUN | NEED_ACCOUNT), 0);
    ck_assert_ptr_null(settings_text(&s, SETTING_HTTP_TOKEN));
    ck_assert_int_eq(read_settings(environment, NEED_HTTP), -1);
}
END_TEST

START_TEST(wiped) {
    char entry[] = "HTTP_TOKEN=secret";
    char *environment[] = {entry, NULL};
    put(directory_a, "HTTP_BASIC_AUTH", BYTES("u:hidden"));
    ck_assert_int_eq(read_settings(environment, NEED_HTTP), 0);
    settings_wipe(&s, SETTING_HTTP_TOKEN);
    settings_wipe(&s, SETTING_HTTP_BASIC_AUTH);
    ck_assert_mem_eq(entry, "HTTP_TOKEN=\0\0\0\0\0\0", sizeof entry);
    ck_assert_ptr_null(memmem(&s, sizeof s, "hidden", 6));
    ck_assert_ptr_null(settings_text(&s, SETTING_HTTP_TOKEN));
}
END_TEST

START_TEST(names) {
    const char *ours[] = {"FORCE_COMMAND", "HTTP_TOKEN", "HTTP_TOKEN_FILE", "TLS", "TLS_FILE",
                          "TLS_KEY_FILE",  "AUDIT"};
    const char *theirs[] = {"PATH",  "DOCKER_HOST",          "HTTP_TOKE", "HTTP_TOKENX",
                            "_FILE", "HTTP_TOKEN_FILE_FILE", "TL",        ""};
    for (size_t i = 0; i < COUNT(ours); i++)
        ck_assert_msg(settings_owns(ours[i], strlen(ours[i])), "%s", ours[i]);
    for (size_t i = 0; i < COUNT(theirs); i++)
        ck_assert_msg(!settings_owns(theirs[i], strlen(theirs[i])), "%s", theirs[i]);
}
END_TEST

Suite *unit_settings(void) {
    Suite *suite = suite_create("settings");
    TCase *tc = tcase_create("settings");
    tcase_add_checked_fixture(tc, make_directories, remove_directories);
    tcase_add_loop_test(tc, value, 0, (int)COUNT(values));
    const TTest *tests[] = {contradictions,
                            ports,
                            defaults,
                            precedence,
                            empty_file_is_none,
                            named_file_must_be_there,
                            named_file_from_here,
                            longest_value,
                            contents,
                            trust,
                            needs,
                            wiped,
                            names};
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    return suite;
}
