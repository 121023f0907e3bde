#include "tool/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/printed.h"
#include "base/random.h"
#include "tool/print_error.h"
#include "core/tokens.h"
#include "wire/date.h"
#include "wire/from.h"

enum { SECRET_BYTES = 32, HEX = 2 * SECRET_BYTES, DAY = 86400 };
#define SECRET_START "bastion_" /* so that scanners for leaked secrets can know it */
enum { SECRET = sizeof SECRET_START + HEX };

struct token_options {
    bool revoke;
    int64_t expires;  /* or DATE_NEVER */
    const char *from; /* or NULL */
    const char *folder, *name;
};

/* The identity's file, as it is before anything is changed. */
struct token_file {
    int folder; /* open, and locked */
    char name[LIMIT_TOKEN_NAME + sizeof TOKENS_END];
    bool exists;
    mode_t mode; /* what the new file gets */
    uid_t uid;
    gid_t gid;
    size_t n;
    char text[LIMIT_TOKEN_FILE + 256];
};

/* ---- the command line ---- */

/* Days from now, or a date. Returns NULL, or what is wrong. */
static const char *read_expiry(int64_t *seconds, const char *text) {
    uint64_t days;
    int64_t now = time(NULL);
    if (num_decimal(text, strlen(text), LIMIT_TOKEN_DAYS, &days))
        *seconds = now + (int64_t)days * DAY;
    else if (!date_read(seconds, (struct slice){text, strlen(text)}))
        return "is neither a number of days, at most " LIMIT_TEXT(
            LIMIT_TOKEN_DAYS) ", nor a date as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ";
    return *seconds > now ? NULL : "is in the past";
}

/* Takes an option and its value. Returns NULL, or what is wrong with the value; *known says whether
 * it is one. */
static const char *take_option(struct token_options *o, const char *option, const char *value,
                               bool *known) {
    *known = true;
    if (strcmp(option, "--expires") == 0 && o->expires == DATE_NEVER)
        return read_expiry(&o->expires, value);
    if (strcmp(option, "--from") == 0 && o->from == NULL) {
        o->from = value;
        return strlen(value) > LIMIT_VALUE / 2
                   ? "is too long"
                   : from_wrong((struct slice){value, strlen(value)}, FROM_NETWORKS);
    }
    *known = false;
    return NULL;
}

/* Returns 0, or the exit code. */
static int read_token_options(struct token_options *o, int argc, char **argv) {
    bool known = true;
    int i = 1;
    *o = (struct token_options){.expires = DATE_NEVER};
    o->revoke = argc > 1 && strcmp(argv[1], "--revoke") == 0;
    for (i += o->revoke; !o->revoke && known && i + 1 < argc && argv[i][0] == '-'; i += 2) {
        const char *wrong = take_option(o, argv[i], argv[i + 1], &known);
        if (wrong != NULL) {
            print_error("token", "%s %s: %s", argv[i], argv[i + 1], wrong);
            return 64;
        }
    }
    if (!known || argc - i != 2 || argv[i][0] == '-' || argv[i + 1][0] == '-') {
        fputs("usage: bastion token [--revoke | [--expires DAYS|DATE] [--from CIDR[,CIDR...]]] "
              "FOLDER NAME\n",
              stderr);
        return 64;
    }
    o->folder = argv[i];
    o->name = argv[i + 1];
    size_t n = strlen(o->name);
    if (!tokens_is_name((struct slice){o->name, n}) || n > LIMIT_TOKEN_NAME) {
        print_error("token",
                    "the name can't be an identity: it has a colon, a slash or a control "
                    "character, starts with a dot, is empty or longer than %d bytes",
                    LIMIT_TOKEN_NAME);
        return 64;
    }
    return 0;
}

/* ---- the file ---- */

/* Opens the folder and waits until nobody else changes tokens there. */
static int open_folder(struct token_file *f, const struct token_options *o) {
    snprintf(f->name, sizeof f->name, "%s" TOKENS_END, o->name);
    f->folder = open(o->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->folder == -1)
        return print_error("token", "%s: %s", o->folder, strerror(errno));
    if (flock(f->folder, LOCK_EX) == -1)
        return print_error("token", "%s: can't be locked: %s", o->folder, strerror(errno));
    return 0;
}

/* Reads what is there. A symbolic link leads somewhere else, and is somebody's own work. */
static int read_old(struct token_file *f, const struct token_options *o) {
    struct stat st = {0};
    f->mode = 0600;
    f->uid = (uid_t)-1;
    f->gid = (gid_t)-1;
    int fd = openat(f->folder, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd == -1 && errno == ENOENT)
        return 0;
    const char *wrong = NULL;
    ssize_t n = 0;
    if (fd == -1)
        wrong = errno == ELOOP ? "is a symbolic link, and left alone" : strerror(errno);
    else if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
        wrong = "is not a regular file";
    else if (st.st_nlink > 1)
        wrong = "has a second name (a hard link), and is left alone";
    else if ((n = fd_read_file(fd, f->text, LIMIT_TOKEN_FILE + 1)) < 0)
        wrong = strerror(errno);
    else if (n > LIMIT_TOKEN_FILE)
        wrong = "is too long";
    fd_close(&fd);
    if (wrong != NULL)
        return print_error("token", "%s/%s: %s", o->folder, f->name, wrong);
    f->exists = true;
    f->mode = st.st_mode & 0777;
    f->uid = st.st_uid;
    f->gid = st.st_gid;
    f->n = (size_t)n;
    return 0;
}

/* Makes the file hold n bytes, so that whoever reads it meanwhile sees the old or the new ones. It
 * keeps its owner and mode. Returns 0, or -1 with errno, and nothing has changed. */
static int put_text(const struct token_file *f, const char *text, size_t n) {
    return fd_put_file_of(f->folder, f->name, text, n, f->mode, f->uid, f->gid);
}

static void restore_old(const struct token_file *f) {
    if (!f->exists)
        unlinkat(f->folder, f->name, 0);
    else
        put_text(f, f->text, f->n);
}

/* ---- a new secret ---- */

static int make_secret(char secret[SECRET]) {
    unsigned char random[SECRET_BYTES];
    if (random_fill(random, sizeof random) == -1)
        return print_error("token", "no random numbers: %s", strerror(errno));
    memcpy(secret, SECRET_START, sizeof SECRET_START - 1);
    num_put_hex(secret + sizeof SECRET_START - 1, random, sizeof random);
    explicit_bzero(random, sizeof random);
    return 0;
}

/* The old lines, and one for the secret. Returns its length, or 0 where there is no room. */
static size_t add_line(char *text, size_t cap, const struct token_file *f,
                       const struct token_options *o, const char *secret) {
    unsigned char digest[SHA256_SIZE];
    char hex[HEX + 1], date[DATE_TEXT];
    struct buf b = {.at = text, .cap = cap};
    sha256(digest, secret, strlen(secret));
    num_put_hex(hex, digest, sizeof digest);
    buf_bytes(&b, f->text, f->n);
    if (f->n > 0 && f->text[f->n - 1] != '\n')
        buf_char(&b, '\n');
    buf_format(&b, "sha256:%s", hex);
    if (o->expires != DATE_NEVER) {
        date_print(date, o->expires);
        buf_format(&b, " expires=%s", date);
    }
    if (o->from != NULL)
        buf_format(&b, " from=%s", o->from);
    buf_char(&b, '\n');
    return b.full ? 0 : b.len;
}

/* The secret alone is on standard output, so that a script can take it. */
static bool print_secret(const struct token_file *f, const struct token_options *o,
                         const char *secret) {
    if (printf("%s\n", secret) < 0 || !printed_whole(stdout))
        return false;
    fprintf(stderr,
            "%s/%s has its digest; nobody can show the secret again. With it in $TOKEN:\n"
            "curl --fail-with-body -X POST -H \"Authorization: Bearer $TOKEN\" "
            "https://HOST/cgi-bin/run\n",
            o->folder, f->name);
    return true;
}

static int add_token(const struct token_file *f, const struct token_options *o) {
    static char text[LIMIT_TOKEN_FILE];
    char secret[SECRET];
    if (make_secret(secret) != 0)
        return 71;
    size_t n = add_line(text, sizeof text, f, o, secret);
    int result = 0;
    if (n == 0) {
        result = print_error("token", "%s/%s: would be too long", o->folder, f->name);
    } else if (put_text(f, text, n) == -1) {
        result = print_error("token", "%s/%s: %s", o->folder, f->name, strerror(errno));
    } else if (!print_secret(f, o, secret)) {
        restore_old(f);
        result = print_error("token", "the secret can't be printed, so there is none");
    }
    explicit_bzero(secret, sizeof secret);
    return result;
}

int token_main(int argc, char **argv) {
    static struct token_file f; /* large */
    struct token_options o;
    int result = read_token_options(&o, argc, argv);
    if (result == 0)
        result = open_folder(&f, &o);
    if (result != 0)
        return result;
    if (o.revoke)
        return unlinkat(f.folder, f.name, 0) == 0
                   ? 0
                   : print_error("token", "%s/%s: %s", o.folder, f.name, strerror(errno));
    result = read_old(&f, &o);
    return result != 0 ? result : add_token(&f, &o);
}
