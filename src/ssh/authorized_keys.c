/* authorized_keys.c: the table of keys. */
#include "ssh/authorized_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pages.h"
#include "wire/base64.h"
#include "wire/date.h"
#include "wire/from.h"
#include "wire/sha256.h"

void authorized_keys_clear(struct authorized_keys *k) {
    if (k->count > 0) /* else nothing of it was written to, and it is large */
        memset(k->place, 0, sizeof k->place);
    k->count = 0;
    k->any_source = k->is_transient = false;
    k->errors = BUF_ON(k->error_text);
    k->limits = BUF_ON(k->limit_text);
}

/* The place of a text, or the free one where it would be: at least half of them are free. */
static uint16_t *find_place(struct authorized_keys *k, const char *text) {
    enum { PLACES = sizeof k->place / sizeof *k->place };
    size_t at = 0;
    /* The first bytes are the same in all keys, the last ones are spread evenly. */
    for (const char *c = text + SSH_KEY_TEXT - 8; c < text + SSH_KEY_TEXT; c++)
        at = at * 31 + (unsigned char)*c;
    for (;; at++) {
        uint16_t *place = &k->place[at % PLACES];
        if (*place == 0 || strcmp(k->key[*place - 1].text, text) == 0)
            return place;
    }
}

static struct key *key_at(struct authorized_keys *k, uint16_t place) {
    return place != 0 ? &k->key[place - 1] : NULL;
}

const struct key *authorized_keys_find(struct authorized_keys *k, const char *text) {
    if (strlen(text) != SSH_KEY_TEXT)
        return NULL;
    for (const struct key *key = key_at(k, *find_place(k, text)); key != NULL;
         key = key_at(k, key->next))
        if (key->state == KEY_HOLDS)
            return key;
    return NULL;
}

void authorized_keys_judge(struct authorized_keys *k, const char *peer, int64_t now) {
    for (size_t i = 0; i < k->count; i++) {
        struct key *key = &k->key[i];
        struct slice from = {key->from, strlen(key->from)};
        key->state = key->shared                                          ? KEY_SHARED
                     : now > key->expires                                 ? KEY_EXPIRED
                     : from.n > 0 && !from_has(from, FROM_PATTERNS, peer) ? KEY_ELSEWHERE
                                                                          : KEY_HOLDS;
    }
}

/* Puts the key behind those with the same text. It counts for none where another role has it. False
 * where one before it, of the same role and without limits, leaves no use for it. */
static bool join_same(struct authorized_keys *k, struct key *key) {
    uint16_t *link = find_place(k, key->text);
    const struct key *first = key_at(k, *link);
    key->shared = *link != 0 && (first->shared || first->role != key->role);
    for (struct key *other; (other = key_at(k, *link)) != NULL; link = &other->next) {
        if (!key->shared && other->from[0] == '\0' && other->expires == DATE_NEVER)
            return false;
        other->shared = key->shared;
    }
    *link = (uint16_t)(k->count + 1);
    return true;
}

bool authorized_keys_insert(struct authorized_keys *k) {
    struct key *key = &k->key[k->count];
    key->next = 0;
    key->state = KEY_HOLDS;
    if (!join_same(k, key))
        return false;
    k->count++;
    return true;
}

int authorized_keys_open(const struct authorized_keys *k) {
    static PAGES_ALIGNED char text[LIMIT_KEYS * (SSH_KEY_TEXT + sizeof "ssh-ed25519 \n")];
    struct buf b = BUF_ON(text);
    for (size_t i = 0; i < k->count; i++)
        if (k->key[i].state == KEY_HOLDS)
            buf_format(&b, "ssh-ed25519 %s\n", k->key[i].text);
    int fd = memfd_create("authorized_keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd == -1)
        return -1;
    errno = ENOSPC; /* what a short write means */
    bool written = write(fd, b.at, b.len) == (ssize_t)b.len;
    pages_release(text, sizeof text);
    if (written && fchmod(fd, 0644) == 0
        && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return fd;
    fd_close(&fd);
    return -1;
}

void authorized_keys_fingerprint(char out[KEYS_FINGERPRINT], struct slice key) {
    unsigned char blob[LIMIT_KEY_BLOB], digest[32];
    char coded[BASE64_SIZE(sizeof digest)];
    ssize_t n = base64_decode(blob, sizeof blob, key.at, key.n);
    out[0] = '\0';
    if (n <= 0)
        return;
    sha256(digest, blob, (size_t)n);
    base64_encode(coded, digest, sizeof digest);
    snprintf(out, KEYS_FINGERPRINT, "SHA256:%.43s", coded); /* without its padding */
}
