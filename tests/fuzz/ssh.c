/* Any bytes as a line and as a file of authorized_keys, as OpenSSH's private key and as a line of
 * tinysshd's log: what is taken out of them lies within them and is of the right form, and a key
 * that was read reads back as itself. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/authorized.h"
#include "wire/base64.h"
#include "wire/openssh_key.h"
#include "wire/tinysshd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice part, struct slice whole) {
    assert(part.at >= whole.at && part.n <= whole.n && part.at + part.n <= whole.at + whole.n);
}

static void check_authorized(struct slice line) {
    struct authorized a, again;
    unsigned char blob[SSH_KEY_BLOB];
    char text[4096];
    authorized_read(&a, line);
    if (a.kind == AUTHORIZED_UNUSABLE)
        assert(a.reason != NULL);
    if (a.kind != AUTHORIZED_KEY)
        return;
    check_within(a.key, line);
    check_within(a.comment, line);
    assert(a.key.n == SSH_KEY_TEXT
           && base64_decode(blob, sizeof blob, a.key.at, a.key.n) == SSH_KEY_BLOB);
    assert(memcmp(blob, ssh_key_head, SSH_KEY_HEAD) == 0);
    struct buf b = BUF_ON(text);
    buf_format(&b, "%sssh-ed25519 %.*s ", a.no_pty ? "no-pty " : "", SSH_KEY_TEXT, a.key.at);
    buf_bytes(&b, a.comment.at, a.comment.n);
    if (b.full)
        return;
    authorized_read(&again, (struct slice){text, b.len});
    assert(again.kind == AUTHORIZED_KEY && again.no_pty == a.no_pty
           && memcmp(again.key.at, a.key.at, SSH_KEY_TEXT) == 0);
    assert(again.comment.n == a.comment.n
           && memcmp(again.comment.at, a.comment.at, a.comment.n) == 0);
}

/* A private key is always named as something else than a file of keys. */
static void check_file(struct slice text) {
    struct slice without = slice_without_mark(text);
    check_within(without, text);
    assert(!authorized_is_private(text) || authorized_foreign(text) != NULL);
}

static void check_openssh(struct slice file) {
    struct openssh_key k, again;
    char text[OPENSSH_KEY_FILE];
    struct buf b = BUF_ON(text);
    if (openssh_key_read(&k, file) != NULL)
        return;
    assert(strlen(k.comment) < sizeof k.comment);
    for (const char *c = k.comment; *c != '\0'; c++)
        assert(*c >= 0x20 && *c < 0x7f);
    openssh_key_write(&b, &k, (unsigned)file.n);
    assert(!b.full && openssh_key_read(&again, (struct slice){text, b.len}) == NULL);
    assert(memcmp(k.secret, again.secret, sizeof k.secret) == 0
           && strcmp(k.comment, again.comment) == 0);
}

/* Coded and framed as in a file, so that what is mutated is what the format is made of. */
static void check_openssh_body(const char *bytes, size_t n) {
    char coded[BASE64_SIZE(OPENSSH_KEY_FILE)], file[sizeof coded + 128];
    struct buf b = BUF_ON(file);
    if (n > OPENSSH_KEY_FILE)
        return;
    buf_text(&b, "-----BEGIN OPENSSH PRIVATE KEY-----");
    buf_bytes(&b, coded, base64_encode(coded, bytes, n));
    buf_text(&b, "-----END OPENSSH PRIVATE KEY-----");
    check_openssh((struct slice){b.at, b.len});
}

static void check_tinysshd(struct slice line) {
    static const char nobody[] = ": not exist";
    struct tinysshd_line l;
    tinysshd_read(&l, line);
    if (l.kind == TINYSSHD_ACCEPTED) {
        check_within(l.key, line);
        check_within(l.account, line);
        assert(l.key.n == SSH_KEY_TEXT && l.account.at + l.account.n < l.key.at);
        assert(memcmp(line.at, "tinysshd: ", 10) == 0);
        assert(memmem(line.at, line.n, nobody, sizeof nobody - 1) == NULL);
    } else if (l.kind == TINYSSHD_TROUBLE) {
        check_within(l.text, line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* Of its own, so that one byte read too far shows. */
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    struct slice all = {copy, size};
    check_authorized(all);
    check_file(all);
    check_openssh(all);
    check_openssh_body(copy, size);
    check_tinysshd(all);
    free(copy);
    return 0;
}
