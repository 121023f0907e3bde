#include "wire/openssh_key.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/authorized.h"
#include "wire/base64.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1" /* with its NUL */

/* KEY_READ: an RSA key is to be told from a damaged one */
enum { KEY_BODY = OPENSSH_KEY_FILE, KEY_READ = 4 * KEY_BODY, KEY_LINE = 70 };

/* The format: MAGIC, strings cipher, kdf, kdf options, number of keys, string public key, string
 * private part; this is two equal check numbers, then the key's type, public key, secret, comment
 * as strings, then bytes 1, 2, 3 and so on up to a multiple of the cipher's block, 8. Every string
 * has its length before it, four bytes, big-endian (RFC 4251, section 5). */
struct reader {
    const unsigned char *at;
    size_t n;
    bool bad;
};

static uint32_t take_number(struct reader *r) {
    if (r->n < 4) {
        r->bad = true;
        return 0;
    }
    uint32_t value =
        (uint32_t)r->at[0] << 24 | (uint32_t)r->at[1] << 16 | (uint32_t)r->at[2] << 8 | r->at[3];
    r->at += 4;
    r->n -= 4;
    return value;
}

static struct slice take_string(struct reader *r) {
    size_t n = take_number(r);
    if (r->bad || n > r->n) {
        r->bad = true;
        return (struct slice){"", 0};
    }
    struct slice s = {(const char *)r->at, n};
    r->at += n;
    r->n -= n;
    return s;
}

/* Decodes the lines between the two that frame them. Returns their bytes' count, or -1. */
static ssize_t decode_lines(unsigned char *out, size_t cap, struct slice text) {
    char joined[KEY_READ];
    const char *begin = memmem(text.at, text.n, BEGIN, sizeof BEGIN - 1);
    if (begin == NULL)
        return -1;
    begin += sizeof BEGIN - 1;
    const char *end = memmem(begin, (size_t)(text.at + text.n - begin), END, sizeof END - 1);
    size_t n = 0;
    if (end == NULL)
        return -1;
    for (; begin < end; begin++) {
        if (*begin == '\n' || *begin == '\r' || *begin == ' ' || *begin == '\t')
            continue;
        if (n == sizeof joined)
            return -1;
        joined[n++] = *begin;
    }
    ssize_t size = base64_decode(out, cap, joined, n);
    explicit_bzero(joined, sizeof joined);
    return size;
}

static const char *const damaged = "it is damaged";

static const char *read_private(struct openssh_key *k, struct slice part, struct slice public) {
    struct reader r = {(const unsigned char *)part.at, part.n, false};
    uint32_t check = take_number(&r);
    bool equal = check == take_number(&r);
    struct slice type = take_string(&r), key = take_string(&r), secret = take_string(&r),
                 comment = take_string(&r);
    if (r.bad || !equal || !slice_is(type, "ssh-ed25519") || key.n != 32
        || secret.n != ED25519_SECRET)
        return damaged;
    for (size_t i = 0; i < r.n; i++)
        if (r.at[i] != i + 1)
            return damaged;
    if (memcmp(key.at, secret.at + 32, 32) != 0 || public.n != SSH_KEY_BLOB
        || memcmp(public.at, ssh_key_head, SSH_KEY_HEAD) != 0
        || memcmp(public.at + SSH_KEY_HEAD, key.at, 32) != 0)
        return damaged;
    memcpy(k->secret, secret.at, ED25519_SECRET);
    size_t n = 0;
    for (; n < comment.n && n + 1 < sizeof k->comment; n++)
        k->comment[n] = comment.at[n] >= 0x20 && comment.at[n] < 0x7f ? comment.at[n] : '?';
    k->comment[n] = '\0';
    return NULL;
}

static const char *read_body(struct openssh_key *k, const unsigned char *body, size_t n) {
    if (n < sizeof MAGIC || memcmp(body, MAGIC, sizeof MAGIC) != 0)
        return damaged;
    struct reader r = {body + sizeof MAGIC, n - sizeof MAGIC, false};
    struct slice cipher = take_string(&r), kdf = take_string(&r);
    take_string(&r); /* the kdf's options */
    uint32_t keys = take_number(&r);
    struct slice public = take_string(&r), part = take_string(&r);
    if (r.bad)
        return damaged;
    if (!slice_is(cipher, "none") || !slice_is(kdf, "none"))
        return "it is encrypted; ssh-keygen -p takes the passphrase away";
    if (public.n >= 4 + 11 && memcmp(public.at + 4, "ssh-ed25519", 11) != 0)
        return "it is no ed25519 key";
    return keys != 1 || r.n != 0 ? damaged : read_private(k, part, public);
}

const char *openssh_key_read(struct openssh_key *k, struct slice text) {
    unsigned char body[KEY_READ];
    ssize_t n = decode_lines(body, sizeof body, text);
    const char *wrong = n < 0 ? damaged : read_body(k, body, (size_t)n);
    explicit_bzero(body, sizeof body);
    return wrong;
}

static void put_uint32(struct buf *b, size_t n) {
    unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                              (unsigned char)(n >> 8), (unsigned char)n};
    buf_bytes(b, bytes, sizeof bytes);
}

static void put_string(struct buf *b, const void *bytes, size_t n) {
    put_uint32(b, n);
    buf_bytes(b, bytes, n);
}

void openssh_key_write(struct buf *b, const struct openssh_key *k, unsigned check) {
    char part[KEY_BODY], body[KEY_BODY], text[BASE64_SIZE(KEY_BODY)];
    struct buf p = BUF_ON(part), whole = BUF_ON(body);
    const unsigned char *public = k->secret + 32;
    put_uint32(&p, check);
    put_uint32(&p, check);
    buf_bytes(&p, ssh_key_head, SSH_KEY_HEAD); /* the type, and the length of what follows */
    buf_bytes(&p, public, 32);
    put_string(&p, k->secret, ED25519_SECRET);
    put_string(&p, k->comment, strlen(k->comment));
    for (char padding = 1; p.len % 8 != 0; padding++)
        buf_char(&p, padding);

    buf_bytes(&whole, MAGIC, sizeof MAGIC);
    put_string(&whole, "none", 4);
    put_string(&whole, "none", 4);
    put_uint32(&whole, 0);
    put_uint32(&whole, 1);
    put_uint32(&whole, SSH_KEY_BLOB);
    buf_bytes(&whole, ssh_key_head, SSH_KEY_HEAD);
    buf_bytes(&whole, public, 32);
    put_string(&whole, p.at, p.len);

    size_t n = base64_encode(text, whole.at, whole.len);
    buf_text(b, BEGIN "\n");
    for (size_t i = 0; i < n; i += KEY_LINE) {
        buf_bytes(b, text + i, n - i < KEY_LINE ? n - i : KEY_LINE);
        buf_char(b, '\n');
    }
    buf_text(b, END "\n");
    explicit_bzero(part, sizeof part);
    explicit_bzero(body, sizeof body);
    explicit_bzero(text, sizeof text);
}
