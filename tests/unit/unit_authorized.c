/* Lines of authorized_keys, and files that hold something else. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "wire/authorized.h"

#define K "AAAAC3NzaC1lZDI1NTE5AAAAIBa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLEDz"
#define KEY "ssh-ed25519 " K

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
    {BYTES("environment=\"A=b c\" " KEY), NULL, OPTION, false},
    {BYTES("cert-authority " KEY), NULL, OPTION, false},
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

#define FROM "from=\"192.0.2.0/24,!192.0.2.7\""
#define DATE "expiry-time= is no date: YYYYMMDD[HHMM[SS]], with Z behind it for UTC"

static const struct {
    const char *options, *reason; /* the second: it is unusable */
    const char *from;
    size_t expiries;
    int64_t seconds; /* of the last expiry */
    bool local, no_pty;
} limits[] = {
    {FROM, NULL, "192.0.2.0/24,!192.0.2.7", 0, 0, false, false},
    {"FROM=\"*\"", NULL, "*", 0, 0, false, false},
    {"restrict,pty," FROM, NULL, "192.0.2.0/24,!192.0.2.7", 0, 0, false, false},
    {FROM ",no-pty", NULL, "192.0.2.0/24,!192.0.2.7", 0, 0, false, true},
    {"expiry-time=\"20270630Z\"", NULL, "", 1, 1814313600, false, false},
    {"Expiry-Time=\"202706301230\"", NULL, "", 1, 1814358600, true, false},
    {"expiry-time=\"20300101\",expiry-time=\"20270630Z\"", NULL, "", 2, 1814313600, false, false},
    {"no-user-rc,expiry-time=\"20270630Z\",restrict," FROM, NULL, "192.0.2.0/24,!192.0.2.7", 1,
     1814313600, false, true},
    {FROM "," FROM, "has from= twice", NULL, 0, 0, false, false},
    {"from=\"\"", "from= has an empty entry", NULL, 0, 0, false, false},
    {"from=\"!192.0.2.7\"", "from= keeps some out and lets nobody in", NULL, 0, 0, false, false},
    {"from=\"a b\"", "from= has an entry that is no address and no network", NULL, 0, 0, false,
     false},
    {"expiry-time=\"20270631\"", DATE, NULL, 0, 0, false, false},
    {"expiry-time=\"\"", DATE, NULL, 0, 0, false, false},
    {"from", OPTION, NULL, 0, 0, false, false},
    {"from=", OPTION, NULL, 0, 0, false, false},
    {"from=\"", NO_KEY, NULL, 0, 0, false, false},
    {"from=192.0.2.1", OPTION, NULL, 0, 0, false, false},
    {"from=\"192.0.2.1\"\"", NO_KEY, NULL, 0, 0, false, false},
    {"from=\"192.0.2.1\"\"\"", OPTION, NULL, 0, 0, false, false},
    {"from=\"192.0.2.1\\\"\"", OPTION, NULL, 0, 0, false, false},
    {"from=\"192.0.2.1\"x", OPTION, NULL, 0, 0, false, false},
    {"from=\"192.0.2.1\",", OPTION, NULL, 0, 0, false, false},
    {FROM ",command=\"a,from=\\\"*\\\"\"", OPTION, NULL, 0, 0, false, false},
    {"xfrom=\"*\"", OPTION, NULL, 0, 0, false, false},
    {"fro=\"*\"", OPTION, NULL, 0, 0, false, false},
};

START_TEST(authorized_limits) {
    struct authorized a;
    char line[512];
    size_t n = (size_t)snprintf(line, sizeof line, "%s " KEY " alice", limits[_i].options);
    authorized_read(&a, (struct slice){unit_guarded(line, n), n});
    if (limits[_i].reason != NULL) {
        ck_assert_int_eq(a.kind, AUTHORIZED_UNUSABLE);
        ck_assert_str_eq(a.reason, limits[_i].reason);
        return;
    }
    ck_assert_int_eq(a.kind, AUTHORIZED_KEY);
    ck_assert_uint_eq(a.from.n, strlen(limits[_i].from));
    ck_assert(a.from.n == 0 || slice_is(a.from, limits[_i].from));
    ck_assert_uint_eq(a.expiries, limits[_i].expiries);
    ck_assert_int_eq(a.no_pty, limits[_i].no_pty);
    if (a.expiries > 0) {
        ck_assert_int_eq(a.expiry[a.expiries - 1].seconds, limits[_i].seconds);
        ck_assert_int_eq(a.expiry[a.expiries - 1].local, limits[_i].local);
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

Suite *unit_authorized(void) {
    Suite *s = suite_create("authorized");
    TCase *tc = tcase_create("authorized");
    tcase_add_loop_test(tc, authorized, 0, (int)COUNT(lines));
    tcase_add_loop_test(tc, authorized_limits, 0, COUNT(limits));
    tcase_add_loop_test(tc, authorized_files, 0, (int)COUNT(files));
    tcase_add_test(tc, authorized_damaged);
    suite_add_tcase(s, tc);
    return s;
}
