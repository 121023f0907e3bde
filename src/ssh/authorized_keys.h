/* authorized_keys.h: the SSH keys that can log in, read anew for every connection from the files
 * that the administrator named. */
#ifndef SSH_AUTHORIZED_KEYS_H
#define SSH_AUTHORIZED_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "core/settings.h"
#include "limit.h"
#include "wire/authorized.h"

#define KEYS_FINGERPRINT sizeof "SHA256:0123456789012345678901234567890123456789012"

/* A line of a source that was read, or, with line 0, a whole file or directory. Valid during the
 * call that it is given to. */
struct key_seen {
    const char *path;
    size_t line;
    const char *reason;         /* why it is unusable, or NULL */
    const struct authorized *a; /* NULL where no key was read */
    const struct key *key;      /* the key that can log in by it; NULL: none, or one read before */
};

struct authorized_keys {
    size_t count;
    /* called for everything that is read, unless NULL; authorized_keys_read leaves both alone */
    void (*see)(void *context, const struct key_seen *seen);
    void *context;
    struct key {
        char text[SSH_KEY_TEXT + 1]; /* base64 */
        char identity[LIMIT_USER];   /* whose it is */
        bool no_pty;
    } key[LIMIT_KEYS];
    struct buf errors; /* what was unusable, a line each: FILE:LINE: reason */
    char error_text[LIMIT_KEY_ERRORS];
};

/* Reads the sources: each *.pub of AUTHORIZED_KEYS_DIR (the file's name less .pub is the identity),
 * AUTHORIZED_KEYS_HOST and AUTHORIZED_KEYS_REPO (the key's comment is, else the file's name). Of a
 * key that is there twice the first counts. A file that is missing has no keys, nor has one that a
 * command could have written (core/protect.h). What can't be used is named in k->errors, and the
 * rest counts. Also named there are files of that directory that hold keys and are not read, since
 * their names do not end in .pub, and private keys above all. */
void authorized_keys_read(struct authorized_keys *k, const struct settings *s);

/* The key with that text, or NULL. */
const struct key *authorized_keys_find(const struct authorized_keys *k, const char *text);

/* Writes the keys to the file authorized_keys in the open directory, as tinysshd reads them: mode
 * 0644, this process's own, and complete at any moment. Returns 0, or -1 with errno. */
int authorized_keys_write(const struct authorized_keys *k, int directory);

/* Writes the fingerprint of a key of any type, given in base64, as ssh-keygen(1) shows it; an empty
 * text where it is no key. */
void authorized_keys_fingerprint(char out[KEYS_FINGERPRINT], struct slice key);

#endif
