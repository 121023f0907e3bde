/* authorized_keys.h: the SSH keys that can log in, read anew for every connection from the files
 * that the administrator named. */
#ifndef SSH_AUTHORIZED_KEYS_H
#define SSH_AUTHORIZED_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "core/roles.h"
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
    bool any_source; /* there is something that keys could stand in, good or not */
    /* another reading of the same files may find something else: the machine's local time decides,
       or a file that is none of keys */
    bool is_transient;
    /* the table may be one that was left in RUN_DIR (core/snapshot.h) instead of being read; and is
       left there. authorized_keys_read leaves this alone too */
    bool remembered;
    /* called for everything that is read, unless NULL; authorized_keys_read leaves both alone */
    void (*see)(void *context, const struct key_seen *seen);
    void *context;
    struct key {
        char text[SSH_KEY_TEXT + 1]; /* base64 */
        char identity[LIMIT_USER];   /* whose it is */
        const struct role *role;     /* in `roles`, or NULL */
        bool no_pty;
        int64_t expires;  /* the last second at which it counts, or DATE_NEVER (wire/date.h) */
        const char *from; /* its from="...", in `limits`; empty: it counts everywhere */
        enum key_state {
            KEY_HOLDS,
            KEY_EXPIRED,
            KEY_ELSEWHERE,
            KEY_SHARED /* two roles have it, or a role and nobody's: it counts for none */
        } state;
        bool shared;
        uint16_t next; /* an index of `key` and 1: the next one with this text; 0: none */
    } key[LIMIT_KEYS];
    struct roles roles;
    uint16_t place[2 * LIMIT_KEYS]; /* by text: an index of `key` and 1, the first's; 0: free */
    struct buf limits;              /* on `limit_text` */
    char limit_text[LIMIT_KEY_CONDITIONS];
    struct buf errors; /* what was unusable, a line each: FILE:LINE: reason */
    char error_text[LIMIT_KEY_ERRORS];
};

/* Reads the sources, which are those of every role too (users.d in its folder): each *.pub of
 * AUTHORIZED_KEYS_DIR (the file's name less .pub is the identity),
 * AUTHORIZED_KEYS_HOST and AUTHORIZED_KEYS_REPO (the key's comment is, else the file's name). Of a
 * key that is there twice, and not in two roles, the first counts, as long as its limits hold; they
 * are not judged here. A file that is missing has no keys, nor has one that a command could have
 * written (core/protect.h). What can't be used is named in k->errors, and the rest counts. Also
 * named there are files of that directory that hold keys and are not read, since their names do not
 * end in .pub, and private keys above all. */
void authorized_keys_read(struct authorized_keys *k, const struct settings *s);

/* Empties a table that is all zeros, or was used before; `remembered`, `see` and `context` stay. */
void authorized_keys_clear(struct authorized_keys *k);

/* Adds k->key[k->count], of which all is set but what the others say about it. False where one
 * before it leaves no use for it. */
bool authorized_keys_insert(struct authorized_keys *k);

/* Judges each key's limits for a client at `peer` (base/ucspi.h), at the seconds `now` of time(2):
 * key->state says which hold. */
void authorized_keys_judge(struct authorized_keys *k, const char *peer, int64_t now);

/* The first key with that text whose limits hold, as all do before they are judged; or NULL. */
const struct key *authorized_keys_find(struct authorized_keys *k, const char *text);

/* Puts the keys whose limits hold into a file that has no name (memfd_create(2)), as tinysshd reads
 * them: mode 0644, this process's own, and never changed again. Returns a descriptor, or -1 with
 * errno. */
int authorized_keys_open(const struct authorized_keys *k);

/* Writes the fingerprint of a key of any type, given in base64, as ssh-keygen(1) shows it; an empty
 * text where it is no key. */
void authorized_keys_fingerprint(char out[KEYS_FINGERPRINT], struct slice key);

#endif
