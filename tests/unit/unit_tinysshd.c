/* The lines of tinysshd's log. */
#include <string.h>

#include "unit.h"
#include "wire/tinysshd.h"

#define K "AAAAC3NzaC1lZDI1NTE5AAAAIBa/OFsLtSSZ4Gq8jHSZ9DEK8ow4WFD6Y/q4yMGGLEDz"
#define KEY "ssh-ed25519 " K

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

Suite *unit_tinysshd(void) {
    Suite *s = suite_create("tinysshd");
    TCase *tc = tcase_create("tinysshd");
    tcase_add_loop_test(tc, tinysshd, 0, (int)COUNT(logged));
    tcase_add_test(tc, tinysshd_cut);
    suite_add_tcase(s, tc);
    return s;
}
