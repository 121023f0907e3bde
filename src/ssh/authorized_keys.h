/* authorized_keys.h: whose SSH keys are good, read anew for every connection from the places that
 * the administrator named. */
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

/* What stands in one line of a source, or, with line 0, what is said of a whole file or directory.
 * Good during the call alone. */
struct key_seen {
    const char *path;
    size_t line;
    const char *reason;         /* why it is unusable, or NULL */
    const struct authorized *a; /* NULL where no key was read */
    /* what logs in with it, where it counts; NULL else, as for one that stood there before */
    const struct key *key;
};

struct authorized_keys {
    size_t count;
    /* told of everything that is read; NULL: nobody. authorized_keys_read leaves it alone */
    void (*see)(const struct key_seen *seen);
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
 * key that stands twice the first counts. What a command could have written holds none
 * (core/protect.h). What is missing holds no key; what can't be used is named in k->errors, and the
 * rest counts. Named too are files in that directory whose names do not end in .pub, so that they
 * are not read, if they hold keys, and private keys above all. */
void authorized_keys_read(struct authorized_keys *k, const struct settings *s);

/* The key with that text, or NULL. */
const struct key *authorized_keys_find(const struct authorized_keys *k, const char *text);

/* Makes `directory`/authorized_keys hold the keys, for sshd's eyes: mode 0644, this process's own,
 * and complete at any moment. Returns 0, or -1 with errno. */
int authorized_keys_write(const struct authorized_keys *k, int directory);

/* Writes the fingerprint of a key's text as ssh-keygen(1) shows it. */
void authorized_keys_fingerprint(char out[KEYS_FINGERPRINT], const char *text);

#endif
