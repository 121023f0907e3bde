/* What SSH's files and tinysshd's log say: authorized_keys, OpenSSH's private key, tinysshd's
 * lines; and base64, coded. */
#include <string.h>

#include "unit.h"
#include "wire/authorized.h"
#include "wire/base64.h"
#include "wire/openssh_key.h"
#include "wire/tinysshd.h"

#define K "AAAAC3NzaC1lZDI1NTE5AAAAIBa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLEDz"
#define KEY "ssh-ed25519 " K

/* ---- authorized_keys ---- */

#define TYPE "a key of another type than ssh-ed25519"
#define OPTION "has an option that is not obeyed here"
#define NO_KEY "not a key"
#define DAMAGED "a damaged key"

static const struct {
    const char *line;
    size_t n;
    /* the first: it is a key; the second: it is unusable; neither: it is nothing */
    const char *comment, *reason;
    bool no_pty;
} lines[] = {
    /* nothing */
    {BYTES(""), NULL, NULL, false},
    {BYTES(" \t "), NULL, NULL, false},
    {BYTES("\r"), NULL, NULL, false},
    {BYTES(" \r\r"), NULL, NULL, false},
    {BYTES("#"), NULL, NULL, false},
    {BYTES("# " KEY), NULL, NULL, false},
    {BYTES(" \t#" KEY), NULL, NULL, false},
    /* keys */
    {BYTES(KEY), "", NULL, false},
    {BYTES(KEY "\r"), "", NULL, false},
    {BYTES(KEY " \t\r"), "", NULL, false},
    {BYTES(KEY " alice@laptop"), "alice@laptop", NULL, false},
    {BYTES(KEY " Alice  in \tWonderland \r"), "Alice  in \tWonderland", NULL, false},
    {BYTES(KEY " # no comment of a file"), "# no comment of a file", NULL, false},
    {BYTES(KEY " \"quoted"), "\"quoted", NULL, false},
    {BYTES(KEY " J\xc3\xb6rg"), "J\xc3\xb6rg", NULL, false},
    {BYTES(KEY " a\0b"), "a", NULL, false},
    {BYTES(" \t" KEY), "", NULL, false},
    {BYTES("ssh-ed25519\t \t" K "\tx"), "x", NULL, false},
    /* options that are dropped, or kept */
    {BYTES("no-port-forwarding " KEY), "", NULL, false},
    {BYTES("no-agent-forwarding " KEY " c"), "c", NULL, false},
    {BYTES("no-X11-forwarding\t" KEY), "", NULL, false},
    {BYTES("no-user-rc  " KEY), "", NULL, false},
    {BYTES("No-x11-FORWARDING,NO-user-RC " KEY), "", NULL, false},
    {BYTES("no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc " KEY), "", NULL,
     false},
    {BYTES("no-pty " KEY), "", NULL, true},
    {BYTES("NO-PTY " KEY), "", NULL, true},
    {BYTES("restrict " KEY), "", NULL, true},
    {BYTES("pty " KEY), "", NULL, false},
    {BYTES("restrict,pty " KEY), "", NULL, false},
    {BYTES("Restrict,no-user-rc,PTY " KEY), "", NULL, false},
    {BYTES("pty,restrict " KEY), "", NULL, true},
    {BYTES("restrict,pty,no-pty " KEY), "", NULL, true},
    {BYTES("no-pty,pty " KEY), "", NULL, false},
    {BYTES("no-port-forwarding,no-pty,no-user-rc " KEY), "", NULL, true},
    /* other options */
    {BYTES("command=\"id\" " KEY), NULL, OPTION, false},
    {BYTES("command=\"a b, c\" " KEY), NULL, OPTION, false},
    {BYTES("command=\"a \\\" " KEY " \" " KEY), NULL, OPTION, false},
    {BYTES("command=\"a\\\\\" " KEY), NULL, OPTION, false},
    {BYTES("command=\"" KEY), NULL, NO_KEY, false}, /* the quotation never ends */
    {BYTES("command=\"" KEY "\\"), NULL, NO_KEY, false},
    {BYTES("no-pty,command=\"id\" " KEY), NULL, OPTION, false},
    {BYTES("command=\"id\",no-pty " KEY), NULL, OPTION, false},
    {BYTES("restrict,pty,from=\"192.0.2.0/24,!192.0.2.1\" " KEY), NULL, OPTION, false},
    {BYTES("environment=\"A=b c\" " KEY), NULL, OPTION, false},
    {BYTES("cert-authority " KEY), NULL, OPTION, false},
    {BYTES("expiry-time=\"20300101\" " KEY), NULL, OPTION, false},
    {BYTES("principals=\"agent\" " KEY), NULL, OPTION, false},
    {BYTES("tunnel=\"1\" " KEY), NULL, OPTION, false},
    {BYTES("permitopen=\"a:1\" " KEY), NULL, OPTION, false},
    {BYTES("agent-forwarding " KEY), NULL, OPTION, false},
    {BYTES("verify-required " KEY), NULL, OPTION, false},
    {BYTES("unknown " KEY), NULL, OPTION, false},
    {BYTES("no-ptyx " KEY), NULL, OPTION, false},
    {BYTES("no-pt " KEY), NULL, OPTION, false},
    {BYTES("no-pty=\"yes\" " KEY), NULL, OPTION, false},
    {BYTES("no-pty\0 " KEY), NULL, OPTION, false},
    {BYTES(", " KEY), NULL, OPTION, false},
    {BYTES("no-pty, " KEY), NULL, OPTION, false},
    {BYTES(",no-pty " KEY), NULL, OPTION, false},
    {BYTES("no-pty,,restrict " KEY), NULL, OPTION, false},
    {BYTES("no-pty, restrict " KEY), NULL, OPTION, false},
    {BYTES("\"no-pty\" " KEY), NULL, OPTION, false},
    {BYTES("\xef\xbb\xbf" KEY), NULL, OPTION, false}, /* a byte order mark */
    {BYTES("SSH-ED25519 " K), NULL, OPTION, false},
    {BYTES("1024 65537 1234567890 of SSH 1"), NULL, OPTION, false},
    {BYTES("---- BEGIN SSH2 PUBLIC KEY ----"), NULL, OPTION, false},
    /* other types */
    {BYTES("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== alice"), NULL, TYPE, false},
    {BYTES("ssh-rsa"), NULL, TYPE, false},
    {BYTES("ssh-dss AAAAB3NzaC1kc3M="), NULL, TYPE, false},
    {BYTES("ecdsa-sha2-nistp256 AAAA"), NULL, TYPE, false},
    {BYTES("sk-ssh-ed25519@openssh.com " K), NULL, TYPE, false},
    {BYTES("sk-ecdsa-sha2-nistp256@openssh.com AAAA"), NULL, TYPE, false},
    {BYTES("ssh-ed25519-cert-v01@openssh.com " K), NULL, TYPE, false},
    {BYTES("no-pty ssh-rsa AAAA"), NULL, TYPE, false},
    {BYTES("ssh-ed25519x " K), NULL, TYPE, false},
    {BYTES("ssh-ed25519\v" K), NULL, TYPE, false},
    {BYTES("ssh-rsa " KEY), NULL, TYPE, false},
    /* no keys */
    {BYTES("x"), NULL, NO_KEY, false},
    {BYTES("no-pty"), NULL, NO_KEY, false},
    {BYTES("no-pty restrict " KEY), NULL, NO_KEY, false},
    {BYTES("no-pty " K), NULL, NO_KEY, false},
    {BYTES("\""), NULL, NO_KEY, false},
    {BYTES("ssh-"), NULL, NO_KEY, false},
    {BYTES(K), NULL, NO_KEY, false},
    /* damaged ones */
    {BYTES("ssh-ed25519"), NULL, DAMAGED, false},
    {BYTES("ssh-ed25519 \r"), NULL, DAMAGED, false},
    {BYTES("ssh-ed25519 comment"), NULL, DAMAGED, false},
    {BYTES(KEY "A"), NULL, DAMAGED, false},
    {BYTES(KEY "AAAA"), NULL, DAMAGED, false},
    {BYTES(KEY "===="), NULL, DAMAGED, false},
    {BYTES(KEY "\0"), NULL, DAMAGED, false},
    {BYTES(KEY "\"x\""), NULL, DAMAGED, false},
    {BYTES("ssh-ed25519 \"" K "\""), NULL, DAMAGED, false},
    {BYTES("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLED"), NULL,
     DAMAGED, false},
    /* 50 bytes */
    {BYTES("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLED="),
     NULL, DAMAGED, false},
    /* of URLs */
    {BYTES("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBa_OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y_q4yMGGLEDz"),
     NULL, DAMAGED, false},
    /* torn */
    {BYTES("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBa/OFsLtSSZ4Gq8jHSZ 9DEK8ow4WFD6Y/q4yMGGLEDz"),
     NULL, DAMAGED, false},
    /* says 33 */
    {BYTES("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIRa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLEDz"),
     NULL, DAMAGED, false},
    /* ed25518 */
    {BYTES("ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAIBa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLEDz"),
     NULL, DAMAGED, false},
    {BYTES("no-pty ssh-ed25519 AAAA"), NULL, DAMAGED, false},
};

START_TEST(authorized) {
    struct authorized a;
    authorized_read(&a, (struct slice){unit_guarded(lines[_i].line, lines[_i].n), lines[_i].n});
    if (lines[_i].reason != NULL) {
        ck_assert_int_eq(a.kind, AUTHORIZED_UNUSABLE);
        ck_assert_str_eq(a.reason, lines[_i].reason);
    } else if (lines[_i].comment != NULL) {
        ck_assert_int_eq(a.kind, AUTHORIZED_KEY);
        ck_assert(slice_is(a.key, K));
        ck_assert_uint_ge(a.comment.n, strlen(lines[_i].comment));
        ck_assert_mem_eq(a.comment.at, lines[_i].comment, strlen(lines[_i].comment));
        ck_assert(a.comment.n == strlen(lines[_i].comment)
                  || a.comment.at[strlen(lines[_i].comment)] == '\0');
        ck_assert_int_eq(a.no_pty, lines[_i].no_pty);
    } else {
        ck_assert_int_eq(a.kind, AUTHORIZED_NOTHING);
    }
}
END_TEST

/* Whatever becomes of a byte, no other key is read from the line than the one that stands there
 * now. */
START_TEST(authorized_damaged) {
    static const char whole[] = "restrict,pty,no-user-rc \t" KEY " alice@laptop \r";
    size_t n = sizeof whole - 1;
    char *line = unit_guarded(whole, n);
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct authorized a;
            line[i] = (char)(whole[i] ^ 1 << bit);
            authorized_read(&a, (struct slice){line, n});
            if (a.kind == AUTHORIZED_KEY)
                ck_assert_mem_eq(a.key.at, line + (strstr(whole, K) - whole), SSH_KEY_TEXT);
            line[i] = whole[i];
        }
    }
    for (size_t cut = 0; cut < n; cut++) {
        struct authorized a;
        authorized_read(&a, (struct slice){unit_guarded(whole, cut), cut});
        ck_assert_int_eq(a.kind == AUTHORIZED_KEY,
                         cut >= (size_t)(strstr(whole, K) - whole) + SSH_KEY_TEXT);
    }
}
END_TEST

/* ---- files that are none of keys ---- */

#define FORM "a key in the form of RFC 4716"
#define SECRET "a PRIVATE KEY"
#define UTF16 "text in UTF-16"
#define PEM "a public key in PEM"
#define PAGE "a page in HTML or XML"

static const struct {
    const char *text;
    size_t n;
    const char *what; /* the beginning of what is said; NULL: it may be a file of keys */
} files[] = {
    {BYTES(""), NULL},
    {BYTES("\n"), NULL},
    {BYTES(KEY "\n"), NULL},
    {BYTES("\xef\xbb\xbf" KEY "\n"), NULL},
    {BYTES("# -----BEGIN OPENSSH PRIVATE KEY-----\n" KEY), NULL},
    {BYTES("\0\xff nonsense\n"), NULL},
    {BYTES("\xff"), NULL},
    {BYTES("\0\0\0\0"), NULL},
    {BYTES("ab\0c"), NULL},
    {BYTES("-----BEGIN"), NULL},
    {BYTES("-----BEGIN \nPRIVATE KEY"), NULL},
    {BYTES("----"), NULL},
    {BYTES("Not f"), NULL},
    {BYTES("[192.0.2.1]:2222 " KEY), NULL},
    {BYTES("\xff\xfes\0s\0h\0"), UTF16},
    {BYTES("\xfe\xff\0s\0s\0h"), UTF16},
    {BYTES("\xff\xfe"), UTF16},
    {BYTES("s\0s\0h\0-\0"), UTF16},
    {BYTES("\0s\0s\0h\0-"), UTF16},
    {BYTES("---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\n"), FORM},
    {BYTES("\xef\xbb\xbf\r\n---- BEGIN SSH2 PUBLIC KEY ----\r\n"), FORM},
    {BYTES("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"), SECRET},
    {BYTES("-----BEGIN RSA PRIVATE KEY-----\r\n"), SECRET},
    {BYTES("-----BEGIN EC PRIVATE KEY-----"), SECRET},
    {BYTES("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), SECRET},
    {BYTES(" \n\t-----BEGIN PRIVATE KEY-----\n"), SECRET},
    {BYTES("PuTTY-User-Key-File-3: ssh-ed25519\r\n"), SECRET},
    {BYTES("-----BEGIN PUBLIC KEY-----\nMCow"), PEM},
    {BYTES("-----BEGIN RSA PUBLIC KEY-----\n"), PEM},
    {BYTES("-----BEGIN CERTIFICATE-----\n"), "a certificate"},
    {BYTES("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), "a key of PGP"},
    {BYTES("\n\n<!DOCTYPE html>\n<html>"), PAGE},
    {BYTES("<html lang=en>"), PAGE},
    {BYTES("<?xml version=\"1.0\"?>"), PAGE},
    {BYTES("{\"message\": \"Not Found\"}"), "JSON"},
    {BYTES("[{\"id\":1}]"), "JSON"},
    {BYTES("Not Found"), "the words Not Found"},
};

START_TEST(authorized_files) {
    struct slice text = {unit_guarded(files[_i].text, files[_i].n), files[_i].n};
    const char *what = authorized_foreign(text);
    if (files[_i].what == NULL) {
        ck_assert_ptr_null(what);
    } else {
        ck_assert_ptr_nonnull(what);
        ck_assert_int_eq(strncmp(what, files[_i].what, strlen(files[_i].what)), 0);
    }
    ck_assert_int_eq(authorized_is_private(text),
                     what != NULL && strncmp(what, SECRET, strlen(SECRET)) == 0);
    for (size_t cut = 0; cut < text.n; cut++) /* reads no byte too far */
        authorized_foreign((struct slice){unit_guarded(files[_i].text, cut), cut});
}
END_TEST

/* ---- OpenSSH's private key ---- */

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

/* ---- tinysshd ---- */

#define T "tinysshd: abcdefgh: "
#define ACCEPTED "auth: agent: " KEY " accepted "

static const struct {
    const char *line;
    size_t n;
    int kind;
    const char *account, *text; /* of an acceptance (whose key is K); of trouble */
} logged[] = {
    {BYTES(T "info: " ACCEPTED "{packet_auth.c:193}"), TINYSSHD_ACCEPTED, "agent", NULL},
    {BYTES(T "info: " ACCEPTED), TINYSSHD_ACCEPTED, "agent", NULL},
    {BYTES(T "info: auth: a.b-c_1: " KEY " accepted {x:1}"), TINYSSHD_ACCEPTED, "a.b-c_1", NULL},
    {BYTES(T "info: auth: : " KEY " accepted {x:1}"), TINYSSHD_ACCEPTED, "", NULL},
    {BYTES(T "info: auth: a: " KEY ": " KEY " accepted {x:1}"), TINYSSHD_ACCEPTED, "a: " KEY, NULL},
    {BYTES(T "warning: auth: unable to authorize using authorized_keys: key not found "
             "{subprocess_auth.c:132}"),
     TINYSSHD_GENERAL, NULL, "auth: unable to authorize using authorized_keys: key not found"},
    {BYTES(T "fatal: authentication failed {main_tinysshd.c:1}"), TINYSSHD_GENERAL, NULL,
     "authentication failed"},
    {BYTES(T "warning: channel: exec request with a NUL rejected {x:1}"), TINYSSHD_DENIED, NULL,
     "channel: exec request with a NUL rejected"},
    {BYTES(T "warning: kex: no cipher in common, the client offers a,b {x:1}"), TINYSSHD_TROUBLE,
     NULL, "kex: no cipher in common, the client offers a,b"},
    {BYTES(T "info: auth: agent: ssh-rsa SHA256:abc rejected {x:1}"), TINYSSHD_REJECTED, NULL,
     "ssh-rsa SHA256:abc"},
    {BYTES(T
           "info: auth: agent: ssh-rsa SHA256:abc rejected: a: ssh-rsa SHA256:def rejected {x:1}"),
     TINYSSHD_REJECTED, NULL, "ssh-rsa SHA256:def"},
    {BYTES(T "info: auth: " KEY " accepted {x:1}: ssh-rsa SHA256:abc rejected {x:1}"),
     TINYSSHD_REJECTED, NULL, "ssh-rsa SHA256:abc"},
    {BYTES(T "info: auth: x rejected {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: : rejected {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "fatal: unable to open file (no such file){main.c:1}"), TINYSSHD_TROUBLE, NULL,
     "unable to open file (no such file)"},
    {BYTES(T "BUG: protocol error {packet_auth.c:1}"), TINYSSHD_TROUBLE, NULL, "protocol error"},
    {BYTES(T "warning: auth: account root: not exist {subprocess_auth.c:158}"), TINYSSHD_NOBODY,
     NULL, NULL},
    {BYTES(T "info: login: agent {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(""), TINYSSHD_NOTE, NULL, NULL},
    {BYTES("tinysshd: "), TINYSSHD_NOTE, NULL, NULL},
    {BYTES("tinysshd: abcdefgh"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES("tinysshd: abcdefgh: "), TINYSSHD_NOTE, NULL, NULL},
    {BYTES("tinysshd: abcdefghi: info: " ACCEPTED "{x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES("usage: tinysshd [options] keydir"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "debug: " ACCEPTED "{x:1}"), TINYSSHD_NOTE, NULL, NULL},
    /* no acceptances */
    {BYTES(ACCEPTED "{x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(" " T "info: " ACCEPTED "{x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: agent: " KEY " rejected {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: agent: ssh-rsa " K " accepted {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: agent " KEY " accepted {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: agent: ssh-ed25519  accepted {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: accepted {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "info: auth: agent: " KEY "accepted {x:1}"), TINYSSHD_NOTE, NULL, NULL},
    {BYTES(T "warning: " ACCEPTED "{x:1}"), TINYSSHD_TROUBLE, NULL, NULL},
    {BYTES(T "info: " ACCEPTED "\0{x:1}"), TINYSSHD_NOTE, NULL, NULL},
    /* An account that a client named, with newlines: the lines that come of it, and the last of
       them gives it away. */
    {BYTES(T "warning: auth: account x"), TINYSSHD_TROUBLE, NULL, NULL},
    {BYTES(T "info: " ACCEPTED "{x:1}: not exist {subprocess_auth.c:158}"), TINYSSHD_NOBODY, NULL,
     NULL},
    {BYTES(T "info: " ACCEPTED ": not exist {subprocess_auth.c:158}"), TINYSSHD_NOBODY, NULL, NULL},
    {BYTES(": not exist {subprocess_auth.c:158}"), TINYSSHD_NOBODY, NULL, NULL},
    {BYTES("x\0: not exist {subprocess_auth.c:158}"), TINYSSHD_NOBODY, NULL, NULL},
    {BYTES(T "info: auth: : not exist: " KEY " accepted {x:1}"), TINYSSHD_NOBODY, NULL, NULL},
};

START_TEST(tinysshd) {
    struct tinysshd_line l;
    tinysshd_read(&l, (struct slice){unit_guarded(logged[_i].line, logged[_i].n), logged[_i].n});
    ck_assert_int_eq(l.kind, logged[_i].kind);
    if (l.kind == TINYSSHD_ACCEPTED)
        ck_assert(slice_is(l.key, K) && slice_is(l.account, logged[_i].account));
    if (logged[_i].text != NULL)
        ck_assert(slice_is(l.text, logged[_i].text));
}
END_TEST

/* A line that was cut is an acceptance from its last word on. */
START_TEST(tinysshd_cut) {
    static const char whole[] = T "info: " ACCEPTED "{packet_auth.c:193}";
    size_t said = (size_t)(strstr(whole, "accepted") - whole) + strlen("accepted");
    for (size_t n = 0; n < sizeof whole; n++) {
        struct tinysshd_line l;
        tinysshd_read(&l, (struct slice){unit_guarded(whole, n), n});
        ck_assert_int_eq(l.kind, n >= said ? TINYSSHD_ACCEPTED : TINYSSHD_NOTE);
    }
}
END_TEST

/* ---- base64 ---- */

/* RFC 4648, section 10, and the two digits that differ from those of URLs. */
static const struct {
    const char *bytes;
    size_t n;
    const char *text;
} coded[] = {
    {BYTES(""), ""},
    {BYTES("f"), "Zg=="},
    {BYTES("fo"), "Zm8="},
    {BYTES("foo"), "Zm9v"},
    {BYTES("foob"), "Zm9vYg=="},
    {BYTES("fooba"), "Zm9vYmE="},
    {BYTES("foobar"), "Zm9vYmFy"},
    {BYTES("\0"), "AA=="},
    {BYTES("\0\0\0"), "AAAA"},
    {BYTES("\xff\xff\xff"), "////"},
    {BYTES("\xfb\xff\xbf"), "+/+/"},
    {BYTES("\xff"), "/w=="},
};

START_TEST(encode) {
    char out[16];
    size_t n = base64_encode(out, unit_guarded(coded[_i].bytes, coded[_i].n), coded[_i].n);
    ck_assert_uint_eq(n, strlen(coded[_i].text));
    ck_assert_uint_eq(n, BASE64_SIZE(coded[_i].n));
    ck_assert_mem_eq(out, coded[_i].text, n);
}
END_TEST

START_TEST(encode_decodes) {
    unsigned char in[256], back[256];
    static const char blank[BASE64_SIZE(sizeof in)];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)(i * 167 + 13);
    for (size_t n = 0; n <= sizeof in; n++) {
        char *out = unit_guarded(blank, BASE64_SIZE(n)); /* not a byte more is written */
        size_t len = base64_encode(out, in, n);
        ck_assert_uint_eq(len, BASE64_SIZE(n));
        ck_assert_int_eq(base64_decode(back, sizeof back, out, len), (ssize_t)n);
        ck_assert_mem_eq(back, in, n);
    }
}
END_TEST

Suite *unit_ssh(void) {
    Suite *s = suite_create("ssh");
    TCase *tc = tcase_create("ssh");
    tcase_add_loop_test(tc, authorized, 0, (int)COUNT(lines));
    tcase_add_loop_test(tc, authorized_files, 0, (int)COUNT(files));
    tcase_add_loop_test(tc, openssh_round_trip, 0, OPENSSH_KEY_COMMENT);
    tcase_add_loop_test(tc, openssh_form, 0, (int)COUNT(forms));
    tcase_add_loop_test(tc, tinysshd, 0, (int)COUNT(logged));
    tcase_add_loop_test(tc, encode, 0, (int)COUNT(coded));
    const TTest *tests[] = {authorized_damaged, openssh_reads_its_own, openssh_truncated,
                            openssh_damaged,    openssh_lost_byte,     openssh_frame,
                            tinysshd_cut,       encode_decodes};
    for (size_t i = 0; i < COUNT(tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}
