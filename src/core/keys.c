#include "core/keys.h"

#include <bearssl_hash.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "wire/base64.h"

static void fault(struct keys *k, const char *file, size_t line, const char *reason) {
    struct buf before = k->faults;
    if (line > 0)
        buf_format(&k->faults, "%s:%zu: %s\n", file, line, reason);
    else
        buf_format(&k->faults, "%s: %s\n", file, reason);
    if (k->faults.full)
        k->faults = before; /* whole lines or none */
}

const struct key *keys_find(const struct keys *k, const char *text) {
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->key[i].text, text) == 0)
            return &k->key[i];
    return NULL;
}

static bool is_printable(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return s.n > 0 && s.n < LIMIT_USER;
}

/* A name with control characters would be more than one line, or steer a terminal. */
static const char *blunt(char *text) {
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return text;
}

/* One file of a source. `identity` is that of all its keys, or NULL: then the comment is, else the file's name. */
struct source {
    const char *path;
    struct slice name, identity;
};

static void take_key(struct keys *k, const struct source *from, size_t line, const struct authorized *a) {
    struct slice who = from->identity.n > 0 ? from->identity : is_printable(a->comment) ? a->comment : from->name;
    if (k->count == LIMIT_KEYS) {
        fault(k, from->path, line, "one key more than there is room for");
        return;
    }
    struct key *key = &k->key[k->count];
    snprintf(key->text, sizeof key->text, "%.*s", (int)a->key.n, a->key.at);
    if (keys_find(k, key->text) != NULL)
        return;
    snprintf(key->identity, sizeof key->identity, "%.*s", (int)who.n, who.at);
    key->no_pty = a->no_pty;
    k->count++;
}

static void take_lines(struct keys *k, const struct source *from, struct slice rest) {
    for (size_t number = 1; rest.n > 0; number++) {
        const char *newline = memchr(rest.at, '\n', rest.n);
        struct slice line = {rest.at, newline != NULL ? (size_t)(newline - rest.at) : rest.n};
        struct authorized a;
        authorized_read(&a, line);
        if (a.kind == AUTHORIZED_KEY)
            take_key(k, from, number, &a);
        else if (a.kind == AUTHORIZED_UNUSABLE)
            fault(k, from->path, number, a.reason);
        rest.at += line.n + (newline != NULL);
        rest.n -= line.n + (newline != NULL);
    }
}

static void take_file(struct keys *k, const struct source *from) {
    static char text[LIMIT_KEY_FILE + 1];
    struct stat st;
    int fd = open(from->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1 && errno == ENOENT)
        return;
    const char *wrong = NULL;
    ssize_t n = 0;
    if (fd == -1 || fstat(fd, &st) == -1)
        wrong = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        wrong = "not a regular file";
    else if ((n = fd_read_file(fd, text, sizeof text)) < 0)
        wrong = strerror(errno);
    else if (n > LIMIT_KEY_FILE)
        wrong = "too long";
    fd_close(&fd);
    if (wrong != NULL)
        fault(k, from->path, 0, wrong);
    else
        take_lines(k, from, (struct slice){text, (size_t)n});
}

static void take_single(struct keys *k, const char *path) {
    const char *slash = strrchr(path, '/');
    struct source from = {.path = path, .name = {slash + 1, strlen(slash + 1)}, .identity = {"", 0}};
    take_file(k, &from);
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* In the order of the names, so that it does not change from one connection to the next which of two equal keys counts. */
static void take_folder(struct keys *k, const char *folder) {
    static char names[LIMIT_KEYS][256];
    size_t count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        if (errno != ENOENT)
            fault(k, folder, 0, strerror(errno));
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (n < 5 || e->d_name[0] == '.' || strcmp(e->d_name + n - 4, ".pub") != 0)
            continue;
        if (count == LIMIT_KEYS) {
            fault(k, folder, 0, "more files than there is room for");
            break;
        }
        snprintf(names[count++], sizeof *names, "%s", e->d_name);
    }
    closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        char path[LIMIT_PATH + 256];
        struct buf b = BUF_ON(path);
        buf_format(&b, "%s/%s", folder, names[i]);
        struct slice name = {names[i], strlen(names[i]) - 4};
        struct source from = {.path = path, .name = name, .identity = name};
        if (buf_string(&b) == NULL)
            fault(k, folder, 0, "a path too long");
        else if (is_printable(name))
            take_file(k, &from);
        else
            fault(k, blunt(path), 0, "a name that can't be an identity");
    }
}

void keys_read(struct keys *k, const struct settings *s) {
    k->count = 0;
    k->faults = BUF_ON(k->fault_text);
    take_folder(k, settings_text(s, AUTHORIZED_KEYS_DIR));
    take_single(k, settings_text(s, AUTHORIZED_KEYS_HOST));
    take_single(k, settings_text(s, AUTHORIZED_KEYS_REPO));
    if (k->count == 0)
        fault(k, "AUTHORIZED_KEYS_DIR, _HOST, _REPO", 0, "no usable key: nobody can log in");
}

int keys_write(const struct keys *k, int folder) {
    static char text[LIMIT_KEYS * (SSH_KEY_TEXT + sizeof "ssh-ed25519 \n")];
    struct buf b = BUF_ON(text);
    for (size_t i = 0; i < k->count; i++)
        buf_format(&b, "ssh-ed25519 %s\n", k->key[i].text);
    return fd_put_file(folder, "authorized_keys", b.at, b.len, 0644, false);
}

void keys_fingerprint(char out[KEYS_FINGERPRINT], const char *text) {
    unsigned char blob[SSH_KEY_BLOB], digest[32];
    char coded[BASE64_SIZE(sizeof digest)];
    br_sha256_context sha;
    base64_decode(blob, sizeof blob, text, SSH_KEY_TEXT);
    br_sha256_init(&sha);
    br_sha256_update(&sha, blob, sizeof blob);
    br_sha256_out(&sha, digest);
    base64_encode(coded, digest, sizeof digest);
    snprintf(out, KEYS_FINGERPRINT, "SHA256:%.43s", coded); /* without its padding */
}
