#include "ssh/hostkey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "base/small_file.h"
#include "ssh/ed25519.h"
#include "ssh/authorized_keys.h"
#include "core/protect.h"
#include "wire/authorized.h"
#include "wire/base64.h"

#define OPENSSH_FILE "ssh_host_ed25519_key"
#define SECRET_FILE ".ed25519.sk"
#define PUBLIC_FILE "ed25519.pk"

/* Returns -1. */
static int set_hostkey_error(char error[HOSTKEY_ERROR], const char *directory, const char *file,
                             const char *what) {
    snprintf(error, HOSTKEY_ERROR, "SSH_KEYS: %s%s%s: %s", directory, *file != '\0' ? "/" : "",
             file, what);
    return -1;
}

/* Reads a file of fewer than `cap` bytes whole. Returns their count; or -1, with what is wrong at
 * *wrong, which is NULL where there is nothing of that name. */
static ssize_t read_key_file(int dir, const char *name, void *out, size_t cap, const char **wrong) {
    struct stat st;
    size_t n;
    int fd = small_file_open(dir, name);
    if (fd == -1 && errno == ENOENT) {
        *wrong = small_file_is_missing(dir, name) ? NULL : strerror(ENOLINK);
        return -1;
    }
    *wrong = small_file_read(fd, out, cap, &n, &st);
    fd_close(&fd);
    return *wrong == NULL ? (ssize_t)n : -1;
}

/* Reads a secret in tinysshd's form. Returns whether there is one of the right length. */
static bool read_secret(int dir, unsigned char secret[ED25519_SECRET]) {
    unsigned char bytes[ED25519_SECRET + 1];
    const char *wrong;
    bool whole = read_key_file(dir, SECRET_FILE, bytes, sizeof bytes, &wrong) == ED25519_SECRET;
    if (whole)
        memcpy(secret, bytes, ED25519_SECRET);
    explicit_bzero(bytes, sizeof bytes);
    return whole;
}

/* Whether the secret and the public half belong together. The check takes as long as half a
 * handshake, so it is not made again for the secret `known`, which has passed it. */
static bool is_intact(const struct openssh_key *k, const unsigned char *known) {
    return (known != NULL && memcmp(k->secret, known, ED25519_SECRET) == 0)
           || ed25519_belongs(k->secret);
}

/* Why the key does not count, since a command could have written it or put it there; or NULL. */
static const char *refuse_directory(const char *directory, char refusal[LIMIT_ERROR]) {
    static const char *const names[] = {"", "/" OPENSSH_FILE, "/" SECRET_FILE};
    char path[LIMIT_PATH + 32];
    const char *wrong = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && wrong == NULL; i++) {
        snprintf(path, sizeof path, "%s%s", directory, names[i]);
        wrong = protect_refuses(path, PROTECT_KEY, refusal);
    }
    return wrong;
}

/* As hostkey_find, in the open directory `dir`. */
static int find_key(struct openssh_key *k, int dir, const char *directory,
                    const unsigned char *known, char error[HOSTKEY_ERROR]) {
    char text[4 * OPENSSH_KEY_FILE];
    char refusal[LIMIT_ERROR];
    const char *wrong = refuse_directory(directory, refusal);
    if (wrong != NULL)
        return set_hostkey_error(error, directory, "", wrong);
    ssize_t n = read_key_file(dir, OPENSSH_FILE, text, sizeof text, &wrong);
    if (n >= 0) {
        wrong = openssh_key_read(k, (struct slice){text, (size_t)n});
        explicit_bzero(text, sizeof text);
        if (wrong == NULL && !is_intact(k, known))
            wrong = "it is damaged";
        return wrong == NULL ? 1 : set_hostkey_error(error, directory, OPENSSH_FILE, wrong);
    }
    if (wrong != NULL)
        return set_hostkey_error(error, directory, OPENSSH_FILE, wrong);
    n = read_key_file(dir, SECRET_FILE, text, sizeof text, &wrong);
    if (n < 0)
        return wrong == NULL ? 0 : set_hostkey_error(error, directory, SECRET_FILE, wrong);
    memcpy(k->secret, text, ED25519_SECRET);
    k->comment[0] = '\0';
    explicit_bzero(text, sizeof text);
    return n == ED25519_SECRET && is_intact(k, known)
               ? 1
               : set_hostkey_error(error, directory, SECRET_FILE, "it is damaged");
}

int hostkey_find(struct openssh_key *k, const char *directory, const unsigned char *known,
                 char error[HOSTKEY_ERROR]) {
    int dir = fd_open(directory, O_RDONLY | O_DIRECTORY);
    if (dir == -1)
        return errno == ENOENT ? 0 : set_hostkey_error(error, directory, "", strerror(errno));
    int found = find_key(k, dir, directory, known, error);
    close(dir);
    return found;
}

/* ---- making one ---- */

/* Has tinysshd-makekey (the same executable under its other name) fill a new directory. Returns 0,
 * or -1. */
static int run_makekey(const char *tinysshd, const char *directory) {
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR); /* descriptor 2 may be the client's socket */
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        umask(077);
        execle(tinysshd, "tinysshd-makekey", directory, (char *)NULL, (char *[]){NULL});
        _exit(127);
    }
    int status = -1;
    while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
    return status == 0 ? 0 : -1;
}

/* Makes a new key in a directory of its own, which is removed again. Returns 0, or -1. */
static int make_key(struct openssh_key *k, const char *run, const char *tinysshd) {
    char directory[LIMIT_PATH], name[LIMIT_PATH + 32];
    static const char *const made[] = {SECRET_FILE, PUBLIC_FILE};
    snprintf(directory, sizeof directory, "%s/new.%ld", run, (long)getpid());
    int result = run_makekey(tinysshd, directory), dir = fd_open(directory, O_RDONLY | O_DIRECTORY);
    if (result == 0 && (dir == -1 || !read_secret(dir, k->secret)))
        result = -1;
    fd_close(&dir);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, made[i]);
        unlink(name);
    }
    rmdir(directory);
    snprintf(k->comment, sizeof k->comment, "bastion");
    return result;
}

/* Writes the key into the administrator's directory, for good. Returns 0, or -1 with errno: EEXIST
 * where another connection was quicker. */
static int keep_key(const struct openssh_key *k, int dir) {
    char text[OPENSSH_KEY_FILE], blob[SSH_KEY_BLOB], coded[SSH_KEY_TEXT];
    struct buf b = BUF_ON(text);
    unsigned check;
    if (random_fill(&check, sizeof check) == -1)
        return -1;
    openssh_key_write(&b, k, check);
    int result = fd_put_file(dir, OPENSSH_FILE, b.at, b.len, 0600, true);
    explicit_bzero(text, sizeof text);
    if (result == 0) { /* for people; nothing here reads it */
        b = BUF_ON(text);
        memcpy(blob, ssh_key_head, SSH_KEY_HEAD);
        memcpy(blob + SSH_KEY_HEAD, k->secret + 32, 32);
        base64_encode(coded, blob, sizeof blob);
        buf_format(&b, "ssh-ed25519 %.*s %s\n", SSH_KEY_TEXT, coded, k->comment);
        fd_put_file(dir, OPENSSH_FILE ".pub", b.at, b.len, 0644, false);
    }
    return result;
}

/* Opens the directory, and makes it and those above it where they are missing. */
static int open_directory(const char *directory) {
    char path[LIMIT_PATH];
    snprintf(path, sizeof path, "%s", directory);
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0755);
    }
    mkdir(path, 0700);
    return fd_open(path, O_RDONLY | O_DIRECTORY);
}

/* There is no key in `directory` yet: makes one. Where it can't be written there, the key lasts as
 * long as `run`, and the one that is in `run` already is used again. Returns 0, or -1 with the
 * error. */
static int provide_key(struct openssh_key *k, const char *directory, const char *run, int run_dir,
                       const char *tinysshd, char warning[HOSTKEY_ERROR],
                       char error[HOSTKEY_ERROR]) {
    int dir = open_directory(directory);
    bool lasting = dir != -1 && faccessat(dir, ".", W_OK, AT_EACCESS) == 0;
    int not_lasting = lasting ? 0 : errno, result = 0;
    if (!lasting && read_secret(run_dir, k->secret)) {
        fd_close(&dir);
        return 0;
    }
    if (make_key(k, run, tinysshd) == -1)
        result = set_hostkey_error(error, directory, "",
                                   "there is no host key, and tinysshd-makekey could not make one");
    else if (lasting && keep_key(k, dir) == -1)
        result = errno == EEXIST
                     ? find_key(k, dir, directory, NULL, error)
                     : set_hostkey_error(error, directory, OPENSSH_FILE, strerror(errno));
    fd_close(&dir);
    if (!lasting && result == 0) {
        snprintf(warning, HOSTKEY_ERROR,
                 "SSH_KEYS: %s: %s: the host key that was made will not last", directory,
                 strerror(not_lasting));
    }
    return result < 0 ? -1 : 0;
}

/* ---- tinysshd's form ---- */

/* Returns 0, or -1 with errno. */
static int put_if_changed(int dir, const char *name, const unsigned char *bytes, size_t n,
                          mode_t mode) {
    unsigned char there[ED25519_SECRET + 1];
    const char *wrong;
    if (read_key_file(dir, name, there, sizeof there, &wrong) == (ssize_t)n
        && memcmp(there, bytes, n) == 0)
        return 0;
    return fd_put_file(dir, name, bytes, n, mode, false);
}

int hostkey_prepare(const char *directory, const char *run, const char *tinysshd,
                    char warning[HOSTKEY_ERROR], char error[HOSTKEY_ERROR]) {
    struct openssh_key k;
    unsigned char known[ED25519_SECRET];
    *warning = '\0';
    if (mkdir(run, 0700) == -1 && errno != EEXIST)
        return set_hostkey_error(error, run, "", strerror(errno));
    int dir = fd_open(run, O_RDONLY | O_DIRECTORY);
    if (dir == -1)
        return set_hostkey_error(error, run, "", strerror(errno));
    bool before = read_secret(dir, known);
    if (!before) /* the first connections wait for one of them to make the key */
        flock(dir, LOCK_EX);
    int found = hostkey_find(&k, directory, before ? known : NULL, error);
    if (found == 0)
        found = provide_key(&k, directory, run, dir, tinysshd, warning, error);
    if (found >= 0
        && (put_if_changed(dir, PUBLIC_FILE, k.secret + 32, 32, 0644) == -1
            || put_if_changed(dir, SECRET_FILE, k.secret, ED25519_SECRET, 0600) == -1))
        found = set_hostkey_error(error, run, "", strerror(errno));
    explicit_bzero(&k, sizeof k);
    explicit_bzero(known, sizeof known);
    close(dir);
    return found < 0 ? -1 : 0;
}

void hostkey_describe(struct buf *b, const struct openssh_key *k) {
    unsigned char blob[SSH_KEY_BLOB];
    char text[SSH_KEY_TEXT], fingerprint[KEYS_FINGERPRINT];
    memcpy(blob, ssh_key_head, SSH_KEY_HEAD);
    memcpy(blob + SSH_KEY_HEAD, k->secret + 32, 32);
    base64_encode(text, blob, sizeof blob);
    authorized_keys_fingerprint(fingerprint, (struct slice){text, sizeof text});
    buf_format(b, "256 %s %s (ED25519)", fingerprint,
               k->comment[0] != '\0' ? k->comment : "no comment");
}
