/* OpenSSH's private key: read, written, damaged. */
#include <string.h>

#include "unit.h"
#include "wire/base64.h"
#include "wire/openssh_key.h"

/* Made by ssh-keygen. */
static const char file[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACAWvzhbC7UkmeBqvIx0mfQxCvKMOFhQ+mP6uMjBhixA8wAAAJDlARdc5QEX\n"
    "XAAAAAtzc2gtZWQyNTUxOQAAACAWvzhbC7UkmeBqvIx0mfQxCvKMOFhQ+mP6uMjBhixA8w\n"
    "AAAECznM4rlny8wxcCDhmRu/TVf7/1qedDsaQvJ6HqfUn/vxa/OFsLtSSZ4Gq8jHSZ9DEK\n"
    "8ow4WFD6Y/q4yMGGLEDzAAAACHRlc3Qga2V5AQIDBAU=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

/* The seed and the public key in it. */
static const char secret[] = "\xb3\x9c\xce\x2b\x96\x7c\xbc\xc3\x17\x02\x0e\x19\x91\xbb\xf4\xd5\x7f"
                             "\xbf\xf5\xa9\xe7\x43\xb1\xa4\x2f\x27\xa1\xea\x7d\x49\xff\xbf"
                             "\x16\xbf\x38\x5b\x0b\xb5\x24\x99\xe0\x6a\xbc\x8c\x74\x99\xf4\x31\x0a"
                             "\xf2\x8c\x38\x58\x50\xfa\x63\xfa\xb8\xc8\xc1\x86\x2c\x40\xf3";
#define PUBLIC (secret + 32)

static const char *read_text(struct openssh_key *k, const char *text, size_t n) {
    memset(k, 0, sizeof *k);
    return openssh_key_read(k, (struct slice){text, n});
}

START_TEST(openssh_reads_its_own) {
    struct openssh_key k;
    ck_assert_ptr_null(read_text(&k, unit_guarded(file, sizeof file - 1), sizeof file - 1));
    ck_assert_mem_eq(k.secret, secret, ED25519_SECRET);
    ck_assert_str_eq(k.comment, "test key");
}
END_TEST

/* Also such comments as make every length of padding. */
START_TEST(openssh_round_trip) {
    struct openssh_key k, back;
    memcpy(k.secret, secret, ED25519_SECRET);
    memset(k.comment, 'c', sizeof k.comment);
    k.comment[_i] = '\0';
    char text[OPENSSH_KEY_FILE];
    struct buf b = BUF_ON(text);
    openssh_key_write(&b, &k, _i % 2 == 0 ? 0U : ~0U);
    ck_assert(!b.full);
    ck_assert_ptr_null(read_text(&back, unit_guarded(text, b.len), b.len));
    ck_assert_mem_eq(back.secret, secret, ED25519_SECRET);
    ck_assert_str_eq(back.comment, k.comment);
}
END_TEST

START_TEST(openssh_truncated) {
    size_t end =
        (size_t)(strstr(file, "-----END") - file) + strlen("-----END OPENSSH PRIVATE KEY-----");
    for (size_t n = 0; n < sizeof file; n++) {
        struct openssh_key k;
        const char *wrong = read_text(&k, unit_guarded(file, n), n);
        ck_assert_msg((wrong == NULL) == (n >= end), "%zu bytes", n);
    }
}
END_TEST

/* Every other byte in every place. */
START_TEST(openssh_damaged) {
    char *text = unit_guarded(file, sizeof file - 1);
    for (size_t i = 0; i < sizeof file - 1; i++) {
        for (int other = 1; other < 256; other++) {
            struct openssh_key k;
            text[i] = (char)(file[i] ^ other);
            if (read_text(&k, text, sizeof file - 1) == NULL)
                ck_assert_mem_eq(k.secret + 32, PUBLIC, 32);
        }
        text[i] = file[i];
    }
}
END_TEST

START_TEST(openssh_lost_byte) {
    size_t n = sizeof file - 2;
    for (size_t i = 0; i < n; i++) {
        struct openssh_key k;
        char *text = unit_guarded(file, n);
        memcpy(text + i, file + i + 1, n - i);
        if (read_text(&k, text, n) == NULL)
            ck_assert_mem_eq(k.secret + 32, PUBLIC, 32);
    }
}
END_TEST

/* A file put together from its parts (PROTOCOL.key). What is NULL is as it should be. */
struct parts {
    const char *magic, *cipher, *kdf, *type, *blob, *inner, *key, *private, *comment, *padding;
    size_t key_n, keys, checks_differ;
    const char *more;  /* behind everything */
    size_t long_field; /* the length before the private part is so much larger */
};

static void put_number(struct buf *b, size_t n) {
    unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                              (unsigned char)(n >> 8), (unsigned char)n};
    buf_bytes(b, bytes, sizeof bytes);
}

static void put_string(struct buf *b, const char *bytes, size_t n) {
    put_number(b, n);
    buf_bytes(b, bytes, n);
}

static const char * or (const char *given, const char *preset) {
    return given != NULL ? given : preset;
}

static size_t put_together(char *text, size_t cap, const struct parts *p) {
    char part[1024], body[1024], coded[BASE64_SIZE(sizeof body)];
    struct buf inner = BUF_ON(part), whole = BUF_ON(body), out = {.at = text, .cap = cap};
    size_t key_n = p->key_n != 0 ? p->key_n : 32;
    put_number(&inner, 7);
    put_number(&inner, 7 + p->checks_differ);
    put_string(&inner, or (p->inner, "ssh-ed25519"), strlen(or (p->inner, "ssh-ed25519")));
    put_string(&inner, or (p->key, PUBLIC), key_n);
    put_string(&inner, or (p->private, secret), 32 + key_n);
    put_string(&inner, or (p->comment, "test key"), strlen(or (p->comment, "test key")));
    buf_text(&inner, or (p->padding, "\1\2\3\4\5"));

    buf_bytes(&whole, or (p->magic, "openssh-key-v1"), 15);
    put_string(&whole, or (p->cipher, "none"), strlen(or (p->cipher, "none")));
    put_string(&whole, or (p->kdf, "none"), strlen(or (p->kdf, "none")));
    put_number(&whole, 0);
    put_number(&whole, p->keys != 0 ? p->keys : 1);
    put_number(&whole, 4 + 11 + 4 + 32);
    put_string(&whole, or (p->type, "ssh-ed25519"), 11);
    put_string(&whole, or (p->blob, PUBLIC), 32);
    put_number(&whole, inner.len + p->long_field);
    buf_bytes(&whole, inner.at, inner.len);
    buf_text(&whole, or (p->more, ""));
    ck_assert(!inner.full && !whole.full);
    size_t n = base64_encode(coded, whole.at, whole.len);
    buf_format(&out,
               "-----BEGIN OPENSSH PRIVATE KEY-----\n%.*s\n-----END OPENSSH PRIVATE KEY-----\n",
               (int)n, coded);
    ck_assert(!out.full);
    return out.len;
}

#define SPOILT "it is damaged"
#define LOCKED "it is encrypted; ssh-keygen -p takes the passphrase away"
#define HUNDRED                                                                                    \
    "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "   \
    "123456789 "

static const struct {
    struct parts parts;
    const char *wrong, *comment;
} forms[] = {
    {{.keys = 1}, NULL, "test key"},
    {{.comment = "", .padding = "\1\2\3\4\5"}, NULL, ""},
    {{.comment = "0123456", .padding = "\1\2\3\4\5\6"}, NULL, "0123456"},
    {{.comment = "0123456789abc", .padding = ""}, NULL, "0123456789abc"},
    {{.comment = "a\nb\x1b[2J\xc3\xb6\x7f", .padding = "\1\2"}, NULL, "a?b?[2J???"},
    {{.comment = HUNDRED HUNDRED, .padding = "\1\2\3\4\5"}, NULL, NULL}, /* cut */
    {{.cipher = "aes256-ctr", .kdf = "bcrypt"}, LOCKED, NULL},
    {{.cipher = "aes256-ctr"}, LOCKED, NULL},
    {{.kdf = "bcrypt"}, LOCKED, NULL},
    {{.magic = "openssh-key-v2"}, SPOILT, NULL},
    {{.magic = "openssh-key-v11"}, SPOILT, NULL},
    {{.type = "ssh-ed25518"}, "it is no ed25519 key", NULL},
    {{.inner = "ssh-rsa"}, SPOILT, NULL},
    {{.keys = 2}, SPOILT, NULL},
    {{.keys = 0xffffffff}, SPOILT, NULL},
    {{.checks_differ = 1}, SPOILT, NULL},
    {{.blob = secret}, SPOILT, NULL},
    {{.key = secret}, SPOILT, NULL},
    {{.private = PUBLIC - 31}, SPOILT, NULL},
    {{.blob = secret, .key = secret}, SPOILT, NULL}, /* of which the secret knows nothing */
    {{.key_n = 31}, SPOILT, NULL},
    {{.padding = "\2\3\4\5\6"}, SPOILT, NULL},
    {{.padding = "\1\2\3\4\4"}, SPOILT, NULL},
    {{.more = "x"}, SPOILT, NULL},
    {{.long_field = 1}, SPOILT, NULL},
    {{.long_field = 0xf0000000}, SPOILT, NULL},
};

START_TEST(openssh_form) {
    char text[2048];
    struct openssh_key k;
    size_t n = put_together(text, sizeof text, &forms[_i].parts);
    const char *wrong = read_text(&k, unit_guarded(text, n), n);
    if (forms[_i].wrong != NULL) {
        ck_assert_ptr_nonnull(wrong);
        ck_assert_str_eq(wrong, forms[_i].wrong);
        return;
    }
    ck_assert_ptr_null(wrong);
    ck_assert_mem_eq(k.secret, secret, ED25519_SECRET);
    if (forms[_i].comment != NULL)
        ck_assert_str_eq(k.comment, forms[_i].comment);
    else
        ck_assert_uint_eq(strlen(k.comment), OPENSSH_KEY_COMMENT - 1);
}
END_TEST

/* What stands around the lines does not count. */
START_TEST(openssh_frame) {
    char text[sizeof file * 2 + 64];
    struct openssh_key k;
    struct buf b = BUF_ON(text);
    buf_text(&b, "\xef\xbb\xbf# a note\r\n");
    for (const char *at = file; *at != '\0'; at++) {
        if (*at == '\n')
            buf_text(&b, " \r");
        buf_char(&b, *at);
    }
    buf_text(&b, "more\n");
    ck_assert(!b.full);
    ck_assert_ptr_null(read_text(&k, unit_guarded(text, b.len), b.len));
    ck_assert_mem_eq(k.secret, secret, ED25519_SECRET);
}
END_TEST

Suite *unit_openssh_key(void) {
    Suite *s = suite_create("openssh_key");
    TCase *tc = tcase_create("openssh_key");
    tcase_add_loop_test(tc, openssh_round_trip, 0, (int)OPENSSH_KEY_COMMENT);
    tcase_add_loop_test(tc, openssh_form, 0, (int)COUNT(forms));
    tcase_add_test(tc, openssh_reads_its_own);
    tcase_add_test(tc, openssh_truncated);
    tcase_add_test(tc, openssh_damaged);
    tcase_add_test(tc, openssh_lost_byte);
    tcase_add_test(tc, openssh_frame);
    suite_add_tcase(s, tc);
    return s;
}
