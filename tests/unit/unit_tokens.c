/* The table of tokens: files of a directory that is made for each test. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/protect.h"
#include "core/settings.h"
#include "core/tokens.h"
#include "unit.h"
#include "wire/date.h"

static struct tokens t;
static char directory[64];

static void make_directory(void) {
    static struct settings s;
    protect_use(&s, NULL);
    snprintf(directory, sizeof directory, "/tmp/bastion-unit-tokens-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *name, const char *bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
}

/* A line of the secret's digest with what stands behind it. */
static void put_secret(const char *name, const char *secret, const char *rest) {
    unsigned char digest[SHA256_SIZE];
    char line[256], *at = line + sprintf(line, "sha256:");
    sha256(digest, secret, strlen(secret));
    for (size_t i = 0; i < sizeof digest; i++)
        at += sprintf(at, "%02x", digest[i]);
    sprintf(at, "%s\n", rest);
    put(name, line);
}

static void read_all(void) {
    tokens_start(&t);
    tokens_add(&t, directory, "");
}

static enum tokens_verdict find(const char *secret, const char *peer, int64_t now,
                                const struct token **token) {
    unsigned char digest[SHA256_SIZE];
    *token = NULL;
    sha256(digest, secret, strlen(secret));
    return tokens_find(&t, digest, peer, now, token);
}

static const char *errors(void) {
    buf_char(&t.errors, '\0');
    return t.errors.at;
}

START_TEST(table) {
    const struct token *k;
    char reason[TOKENS_REASON];
    put_secret("ci.token", "one", "");
    put_secret("ci.token", "two", " expires=2027-06-30");
    put_secret("backup.token", "three", " from=192.0.2.0/24,::1 expires=2027-06-30T12:00:00Z");
    put_secret(".hidden.token", "four", "");
    put_secret("ci.token.bak", "four", "");
    put_secret(".token", "four", "");
    read_all();
    ck_assert_str_eq(errors(), "");
    ck_assert_uint_eq(t.count, 3);
    ck_assert_int_eq(find("one", "local", 4000000000, &k), TOKENS_GOOD);
    ck_assert_str_eq(k->name, "ci");
    ck_assert_str_eq(k->role, "");
    ck_assert_uint_eq(strlen(k->place), strlen(directory) + sizeof "/ci.token" - 1);
    ck_assert_str_eq(k->place + strlen(directory), "/ci.token");
    ck_assert_int_eq(find("two", "10.0.0.1", 1814399999, &k), TOKENS_GOOD);
    ck_assert_uint_eq(k->line, 2);
    ck_assert_int_eq(find("two", "10.0.0.1", 1814400000, &k), TOKENS_EXPIRED);
    tokens_describe(reason, TOKENS_EXPIRED, k);
    ck_assert_str_eq(reason, "a token of ci that has expired at 2027-06-30T23:59:59Z");
    ck_assert_int_eq(find("three", "192.0.2.200", 1814356800, &k), TOKENS_GOOD);
    ck_assert_str_eq(k->name, "backup");
    ck_assert_int_eq(find("three", "::1", 0, &k), TOKENS_GOOD);
    ck_assert_int_eq(find("three", "::ffff:192.0.2.1", 0, &k), TOKENS_GOOD);
    ck_assert_int_eq(find("three", "192.0.3.1", 0, &k), TOKENS_ELSEWHERE);
    ck_assert_int_eq(find("three", "local", 0, &k), TOKENS_ELSEWHERE);
    ck_assert_int_eq(find("three", "192.0.3.1", 1814356801, &k), TOKENS_EXPIRED);
    ck_assert_int_eq(find("four", "local", 0, &k), TOKENS_UNKNOWN);
    ck_assert_int_eq(find("", "local", 0, &k), TOKENS_UNKNOWN);
}
END_TEST

START_TEST(same_secrets) {
    const struct token *k;
    char wanted[1024];
    put_secret("a.token", "own", "");
    put_secret("a.token", "shared", "");
    put_secret("b.token", "shared", " expires=2027-06-30");
    put_secret("c.token", "shared", "");
    put_secret("c.token", "again", "");
    put_secret("c.token", "again", " from=192.0.2.1");
    read_all();
    ck_assert_int_eq(find("own", "local", 0, &k), TOKENS_GOOD);
    ck_assert_int_eq(find("shared", "local", 0, &k), TOKENS_SHARED);
    ck_assert_int_eq(find("again", "local", 0, &k), TOKENS_GOOD);
    snprintf(wanted, sizeof wanted,
             "%s/b.token:1: has the same secret as %s/a.token:2: it counts for nobody\n"
             "%s/c.token:1: has the same secret as %s/a.token:2: it counts for nobody\n"
             "%s/c.token:3: has the same secret as %s/c.token:2\n",
             directory, directory, directory, directory, directory, directory);
    ck_assert_str_eq(errors(), wanted);
}
END_TEST

/* What can't be used denies itself alone. */
START_TEST(faulty_files) {
    const struct token *k;
    char path[128], other[128], wanted[2048];
    put("a.token", "\xef\xbb\xbf# from Windows\r\n\r\n");
    put_secret("a.token", "marked", "\r");
    put("b.token", "sha256:0123\n");
    put_secret("b.token", "behind", "");
    put_secret("c:d.token", "colon", "");
    put_secret("e\nf.token", "newline", "");
    put_secret("g.token", "writable", "");
    put_secret("h.token", "unfinished", "");
    put_secret("k.token", "linked", "");
    put("l.token", "sha256:zz");
    put_secret("m.token", "date", " expires=2027-02-30");
    snprintf(path, sizeof path, "%s/h.token", directory);
    ck_assert_int_eq(truncate(path, 7 + 64), 0);
    snprintf(path, sizeof path, "%s/g.token", directory);
    ck_assert_int_eq(chmod(path, 0666), 0);
    snprintf(path, sizeof path, "%s/i.token", directory);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/j.token", directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/k.token", directory);
    snprintf(other, sizeof other, "%s/..k", directory);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink("..k", path), 0);
    read_all();
    static const char *const good[] = {"marked", "behind", "unfinished", "linked"}, *const bad[] = {
                                                                                        "colon",
                                                                                        "newline",
                                                                                        "writable",
                                                                                        "date"};
    for (size_t i = 0; i < COUNT(good); i++)
        ck_assert_int_eq(find(good[i], "local", 0, &k), TOKENS_GOOD);
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_int_eq(find(bad[i], "local", 0, &k), TOKENS_UNKNOWN);
    snprintf(
        wanted, sizeof wanted,
        "%s/b.token:1: sha256: has not 64 hexadecimal digits behind it\n"
        "%s/c:d.token: a name that can't be an identity\n"
        "%s/e?f.token: a name that can't be an identity\n"
        "%s/g.token: %s/g.token can be written by others than root: mount it read-only (:ro), or "
        "chown root and chmod go-w\n"
        "%s/i.token: a folder, where a file is wanted: a mount whose source is missing makes one\n"
        "%s/j.token: not a regular file\n"
        "%s/l.token:1: sha256: has not 64 hexadecimal digits behind it\n"
        "%s/m.token:1: expires= is no date: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ\n",
        directory, directory, directory, directory, directory, directory, directory, directory,
        directory);
    ck_assert_str_eq(errors(), wanted);
}
END_TEST

START_TEST(faulty_directory) {
    put_secret("a.token", "one", "");
    ck_assert_int_eq(chmod(directory, 0777), 0);
    read_all();
    ck_assert_uint_eq(t.count, 0);
    ck_assert(strstr(errors(), "can be written by others than root") != NULL);
    ck_assert_int_eq(chmod(directory, 0755), 0);
    tokens_start(&t);
    tokens_add(&t, "/nowhere/at/all", "");
    ck_assert_str_eq(errors(), "");
    tokens_add(&t, "/etc/passwd", "");
    ck_assert_uint_eq(t.count, 0);
    ck_assert(strstr(t.error_text + 1, "/etc/passwd: Not a directory") != NULL
              || strstr(t.error_text, "/etc/passwd: Not a directory") != NULL);
}
END_TEST

START_TEST(full_table) {
    const struct token *k;
    char secret[32];
    for (int i = 0; i < LIMIT_TOKENS + 2; i++) {
        char file[32];
        snprintf(secret, sizeof secret, "secret %d", i);
        snprintf(file, sizeof file, "%02d.token", i / 100);
        put_secret(file, secret, "");
    }
    read_all();
    ck_assert_uint_eq(t.count, LIMIT_TOKENS);
    ck_assert_int_eq(find("secret 0", "local", 0, &k), TOKENS_GOOD);
    ck_assert_str_eq(k->name, "00");
    snprintf(secret, sizeof secret, "secret %d", LIMIT_TOKENS - 1);
    ck_assert_int_eq(find(secret, "local", 0, &k), TOKENS_GOOD);
    ck_assert_str_eq(k->name, "40");
    snprintf(secret, sizeof secret, "secret %d", LIMIT_TOKENS);
    ck_assert_int_eq(find(secret, "local", 0, &k), TOKENS_UNKNOWN);
    ck_assert(strstr(errors(), "one token more than there is room for") != NULL);
}
END_TEST

Suite *unit_tokens(void) {
    Suite *s = suite_create("tokens");
    if (geteuid() != 0)
        return s; /* what an ordinary user has made counts for nothing */
    TCase *tc = tcase_create("tokens");
    tcase_add_checked_fixture(tc, make_directory, remove_directory);
    tcase_add_test(tc, table);
    tcase_add_test(tc, same_secrets);
    tcase_add_test(tc, faulty_files);
    tcase_add_test(tc, faulty_directory);
    tcase_add_test(tc, full_table);
    suite_add_tcase(s, tc);
    return s;
}
