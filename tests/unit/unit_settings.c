/* Settings: what a value may be, where it comes from, whom a file may belong to. Folders are made for each test. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/settings.h"
#include "unit.h"

static struct settings s;
static char folder_a[] = "/tmp/bastion-unit-a-XXXXXX", folder_b[] = "/tmp/bastion-unit-b-XXXXXX";

static void make_folders(void) {
    ck_assert_ptr_nonnull(mkdtemp(folder_a));
    ck_assert_ptr_nonnull(mkdtemp(folder_b));
}

static void remove_folders(void) {
    const char *folders[] = {folder_a, folder_b};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        for (int id = 0; id < SETTINGS; id++) {
            snprintf(path, sizeof path, "%s/%s", folders[i], settings_name((enum setting)id));
            unlink(path);
            rmdir(path);
        }
        rmdir(folders[i]);
    }
}

static const char *put(const char *folder, const char *name, const char *bytes, size_t n) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    return path;
}

static int read_settings(char *const *environment, unsigned needs) {
    const char *const folders[] = {folder_a, folder_b, NULL};
    struct settings_places places = {environment, folders};
    s = (struct settings){0};
    return settings_read(&s, &places, needs);
}

/* ---- values ---- */

static const struct {
    const char *entry; /* NAME=value */
    const char *fault; /* what the line starts with; NULL: good */
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
    {"HTTP_HOLD_MS=3600001", "HTTP_HOLD_MS: must be a number from 0 to 3600000 (from the environment)"},
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
    {"COMMAND_LOCK=ski", "COMMAND_LOCK: must be one of: skip refuse wait off"},
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
    if (values[_i].fault == NULL)
        ck_assert_msg(result == 0, "%s", s.fault);
    else
        ck_assert_msg(result == -1 && strncmp(s.fault, values[_i].fault, strlen(values[_i].fault)) == 0, "%s", s.fault);
    ck_assert_ptr_null(strchr(s.fault, '\n'));
    free(environment[0]);
}
END_TEST

START_TEST(contradictions) {
    char certificate[] = "TLS_CERT=/a", key[] = "TLS_KEY=/b", made[] = "TLS=self-signed";
    char *half[] = {certificate, NULL}, *both[] = {certificate, key, made, NULL};
    ck_assert_int_eq(read_settings(half, NEED_ALL), -1);
    ck_assert_str_eq(s.fault, "TLS_CERT: needs TLS_KEY too (from the environment)");
    ck_assert_int_eq(read_settings(both, NEED_ALL), -1);
    ck_assert_int_eq(read_settings(half, NEED_RUN), 0); /* of no concern to it, and yet known: where the file is, no command may write */
    ck_assert_str_eq(settings_text(&s, TLS_CERT), "/a");
}
END_TEST

START_TEST(ports) {
    char http[] = "HTTP_PORT=22", https[] = "HTTPS_PORT=8080", token[] = "HTTP_TOKEN=t", tls[] = "TLS=self-signed";
    char *unused[] = {http, NULL}, *same[] = {http, token, NULL}, *plain[] = {https, token, NULL}, *both[] = {https, token, tls, NULL};
    ck_assert_int_eq(read_settings(unused, NEED_ALL), 0);
    ck_assert_int_eq(read_settings(same, NEED_ALL), -1);
    ck_assert_str_eq(s.fault, "HTTP_PORT: the same port as SSH_PORT (from the environment)");
    ck_assert_int_eq(read_settings(same, NEED_ALL & ~(unsigned)NEED_LISTENERS), 0);
    ck_assert_int_eq(read_settings(plain, NEED_ALL), 0);
    ck_assert_int_eq(read_settings(both, NEED_ALL), -1);
    ck_assert_str_eq(s.fault, "HTTPS_PORT: the same port as HTTP_PORT (from the environment)");
}
END_TEST

START_TEST(defaults) {
    char *none[] = {NULL};
    ck_assert_int_eq(read_settings(none, NEED_ALL), 0);
    ck_assert_uint_eq(settings_number(&s, HTTP_HOLD_MS), 1000);
    ck_assert_uint_eq(settings_number(&s, HTTP_STDIN), STDIN_OFF);
    ck_assert_str_eq(settings_text(&s, SSH_USER), "agent");
    ck_assert_str_eq(settings_text(&s, RUN_DIR), "/run/bastion");
    ck_assert_str_eq(settings_source(&s, RUN_DIR), "by default");
    ck_assert(!settings_given(&s, RUN_DIR) && settings_text(&s, FORCE_COMMAND) == NULL);
}
END_TEST

/* ---- places ---- */

START_TEST(precedence) {
    char value_env[] = "FORCE_COMMAND=env", file_env[128], empty[] = "FORCE_COMMAND=";
    put(folder_b, "FORCE_COMMAND", BYTES("b\n"));
    char *none[] = {NULL};
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, FORCE_COMMAND), "b");
    put(folder_a, "FORCE_COMMAND", BYTES("a\n\n"));
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, FORCE_COMMAND), "a\n"); /* one final newline, not all of them */
    ck_assert_ptr_nonnull(strstr(settings_source(&s, FORCE_COMMAND), folder_a));
    snprintf(file_env, sizeof file_env, "FORCE_COMMAND_FILE=%s", put(folder_b, "FORCE_COMMAND", BYTES("named")));
    char *named[] = {file_env, empty, NULL};
    ck_assert_int_eq(read_settings(named, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, FORCE_COMMAND), "named");
    char *both[] = {file_env, value_env, NULL};
    ck_assert_int_eq(read_settings(both, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, FORCE_COMMAND), "env");
    /* A program whose environment is the client's. */
    ck_assert_int_eq(read_settings(NULL, NEED_RUN), 0);
    ck_assert_str_eq(settings_text(&s, FORCE_COMMAND), "a\n");
}
END_TEST

START_TEST(empty_file_is_none) {
    char *none[] = {NULL};
    put(folder_a, "COMMAND_TIMEOUT", BYTES("\n"));
    put(folder_b, "COMMAND_TIMEOUT", BYTES("7"));
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_uint_eq(settings_number(&s, COMMAND_TIMEOUT), 7);
}
END_TEST

START_TEST(named_file_must_be_there) {
    char missing[] = "HTTP_TOKEN_FILE=/nonexistent/token", device[] = "HTTP_TOKEN_FILE=/dev/zero", empty[128];
    char *one[] = {missing, NULL}, *two[] = {device, NULL}, *three[] = {empty, NULL};
    ck_assert_int_eq(read_settings(one, NEED_HTTP), -1);
    ck_assert_str_eq(s.fault, "HTTP_TOKEN: No such file or directory (from HTTP_TOKEN_FILE=/nonexistent/token)");
    ck_assert_int_eq(read_settings(two, NEED_HTTP), -1);
    ck_assert_ptr_nonnull(strstr(s.fault, "not a regular file"));
    snprintf(empty, sizeof empty, "HTTP_TOKEN_FILE=%s", put(folder_a, "TLS", BYTES("\n")));
    ck_assert_int_eq(read_settings(three, NEED_HTTP), -1);
    ck_assert_ptr_nonnull(strstr(s.fault, "empty"));
}
END_TEST

START_TEST(contents) {
    static char big[LIMIT_VALUE + 2];
    char *none[] = {NULL};
    memset(big, 'x', sizeof big);
    put(folder_a, "FORCE_COMMAND", big, LIMIT_VALUE);
    ck_assert_int_eq(read_settings(none, NEED_RUN), 0);
    ck_assert_uint_eq(strlen(settings_text(&s, FORCE_COMMAND)), LIMIT_VALUE);
    put(folder_a, "FORCE_COMMAND", big, LIMIT_VALUE + 1);
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.fault, "too long"));
    put(folder_a, "FORCE_COMMAND", BYTES("a\0b"));
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.fault, "NUL"));
}
END_TEST

START_TEST(trust) {
    char *none[] = {NULL};
    const char *path = put(folder_a, "FORCE_COMMAND", BYTES("x"));
    static const struct {
        mode_t mode;
        int result;
    } modes[] = {{0600, 0}, {0644, 0}, {0444, 0}, {0620, -1}, {0602, -1}, {0666, -1}};
    for (size_t i = 0; i < COUNT(modes); i++) {
        ck_assert_int_eq(chmod(path, modes[i].mode), 0);
        ck_assert_msg(read_settings(none, NEED_RUN) == modes[i].result, "mode %o: %s", modes[i].mode, s.fault);
    }
    chmod(path, 0600);
    ck_assert_int_eq(chmod(folder_a, 0777), 0);
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.fault, "can be written by others than root"));
    chmod(folder_a, 0700);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, 12345, 0), 0);
        ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
        ck_assert_ptr_nonnull(strstr(s.fault, "can be written by others than root"));
    }
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(read_settings(none, NEED_RUN), -1);
    ck_assert_ptr_nonnull(strstr(s.fault, "not a regular file"));
}
END_TEST

/* A setting that is not needed is neither read nor judged: its file may be somebody else's secret. */
START_TEST(needs) {
    char bad[] = "HTTP_PORT=x";
    char *environment[] = {bad, NULL};
    put(folder_a, "HTTP_TOKEN", BYTES("a\tb"));
    ck_assert_int_eq(read_settings(environment, NEED_RUN | NEED_ACCOUNT), 0);
    ck_assert_ptr_null(settings_text(&s, HTTP_TOKEN));
    ck_assert_int_eq(read_settings(environment, NEED_HTTP), -1);
}
END_TEST

START_TEST(wiped) {
    char entry[] = "HTTP_TOKEN=secret";
    char *environment[] = {entry, NULL};
    put(folder_a, "HTTP_BASIC_AUTH", BYTES("u:hidden"));
    ck_assert_int_eq(read_settings(environment, NEED_HTTP), 0);
    settings_wipe(&s, HTTP_TOKEN);
    settings_wipe(&s, HTTP_BASIC_AUTH);
    ck_assert_mem_eq(entry, "HTTP_TOKEN=\0\0\0\0\0\0", sizeof entry);
    ck_assert_ptr_null(memmem(&s, sizeof s, "hidden", 6));
    ck_assert_ptr_null(settings_text(&s, HTTP_TOKEN));
}
END_TEST

START_TEST(names) {
    const char *ours[] = {"FORCE_COMMAND", "HTTP_TOKEN", "HTTP_TOKEN_FILE", "TLS", "TLS_FILE", "TLS_KEY_FILE", "AUDIT"};
    const char *theirs[] = {"PATH", "DOCKER_HOST", "HTTP_TOKE", "HTTP_TOKENX", "_FILE", "HTTP_TOKEN_FILE_FILE", "TL", ""};
    for (size_t i = 0; i < COUNT(ours); i++)
        ck_assert_msg(settings_owns(ours[i], strlen(ours[i])), "%s", ours[i]);
    for (size_t i = 0; i < COUNT(theirs); i++)
        ck_assert_msg(!settings_owns(theirs[i], strlen(theirs[i])), "%s", theirs[i]);
}
END_TEST

Suite *unit_settings(void) {
    Suite *suite = suite_create("settings");
    TCase *tc = tcase_create("settings");
    tcase_add_checked_fixture(tc, make_folders, remove_folders);
    tcase_add_loop_test(tc, value, 0, (int)COUNT(values));
    const TTest *tests[] = {contradictions, ports, defaults, precedence, empty_file_is_none, named_file_must_be_there, contents, trust, needs, wiped, names};
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    return suite;
}
