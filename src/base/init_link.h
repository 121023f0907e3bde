/* init_link.h: the socket between `bastion init` and a process that serves a connection which it
 * has accepted. Each connection has one of its own, so that nobody can ask for another's.
 *
 * What is said is one byte, as a rule. There is one question, with one byte as its answer: whether
 * a line of the log on a refused client may be written. Of those there are LIMIT_DENIAL_LINES a
 * second, of all connections of a port; process 1 counts the others, and says how many there were.
 * And there is one statement, without an answer: that a credential was right. Process 1 ends
 * connections of which it has not heard that (init/unknown.h). Another one is that a run may
 * outlive the connection.
 *
 * `bastion proxy` says once where the client is for whom a trusted proxy speaks: INIT_LINK_CLIENT
 * and the address, 16 bytes (base/ip.h, ip_map). The answer is INIT_LINK_ANSWER bytes:
 * INIT_LINK_YES, or INIT_LINK_NO where it is one too many, and has been logged; or INIT_LINK_WAIT,
 * and behind it for how many milliseconds, in the machine's order: then the question comes again.
 *
 * A process that is started before its connection is there (a spare, init/spares.h) says
 * INIT_LINK_SPARE once it is ready. Then it is sent the connection, a descriptor, with the
 * variables of UCSPI that others have in their environment. */
#ifndef BASE_INIT_LINK_H
#define BASE_INIT_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "limit.h"

/* Where a process that is started has the socket, and the variable that says so, and what `bastion
 * init` has found out once for all of them: BASTION_INIT=3, then `c` in bastion's own image
 * (base/container.h), `f` where the log is a regular file, and a dot with the kernel's version of
 * Landlock behind it. For a spare there is an `s` in the place of the 3; for one
 * behind `bastion tls`, which is a spare itself, a `t`. */
#define INIT_LINK_FD 3
#define INIT_LINK_NAME "BASTION_INIT="
enum { INIT_LINK_VARIABLE = sizeof "BASTION_INIT=3cf.-9223372036854775808" };
void init_link_describe(char variable[INIT_LINK_VARIABLE]);

enum {
    INIT_LINK_MAY_LOG = 'd',
    INIT_LINK_KNOWN = 'k',
    INIT_LINK_KEEPER = 'r',
    INIT_LINK_CLIENT = 'c',
    INIT_LINK_USUAL = '0' + INIT_LINK_FD,
    INIT_LINK_SPARE = 's',
    INIT_LINK_BEHIND_TLS = 't',
    INIT_LINK_YES = 'y',
    INIT_LINK_NO = 'n',
    INIT_LINK_WAIT = 'w'
};
enum { INIT_LINK_ADDRESS = 16, INIT_LINK_ANSWER = 1 + 4 };

/* Takes up the socket where the environment, the administrator's, says that there is one: to be
 * called before fd_only_standard, which leaves it open then, and the ruleset that may be beside it
 * (base/landlock_apart.h). With `inherited` the programs that this process starts have them too. */
void init_link_open(char *const *environment, bool inherited);

/* Whether it was taken up. Who has such a socket was started by `bastion init`: with the signals'
 * default actions (signal(7)), whatever that itself was started with; with descriptors 0 and 1 that
 * are one socket, which has been told not to wait for acknowledgements (TCP_NODELAY) where it is
 * one of TCP; and with the log as descriptor 2. */
bool init_link_is_there(void);

/* Whether this process is to wait for its connection, by init_link_await; until then 0 and 1 are
 * none. */
bool init_link_is_spare(void);

/* The connection of a spare: a socket, close-on-exec (for HTTP it does not block either), and the
 * variables, NULL behind them. */
enum { INIT_LINK_VARIABLES = 4, INIT_LINK_TEXT = INIT_LINK_VARIABLES * (LIMIT_PEER + 16) };
struct init_link_connection {
    int fd;
    char *variables[INIT_LINK_VARIABLES + 1];
    char text[INIT_LINK_TEXT]; /* they stand here, each with its NUL, and NULs behind them */
    /* of one behind TLS, since the handshake: */
    bool is_tls;
    char user[LIMIT_USER]; /* the name in the client's certificate, which nobody has checked */
};

/* Says that this spare is ready, and waits for its connection. False when there will be none; or
 * when nobody holds the other end of the socket `companion` any more, another process's that is
 * ready with this one and that it could not serve without. The struct is zeroed. */
bool init_link_await(struct init_link_connection *c, int companion);

/* The same for a program that executes another one in its own place, which is to find all as it
 * would be without: puts the connection as 0 and 1, and the variables into `environ`. Where this is
 * no spare that is so already, and there is nothing to do. False when there will be no connection.
 */
bool init_link_await_in_place(void);

/* For `bastion tls`, a spare itself: makes the environment that of one behind it. That has a socket
 * as 0 and 1, and says there that it is ready; then it gets `text` there, before a byte of the
 * client's has been read, and `user`, after the handshake; from then on it is the connection. */
void init_link_put_behind_tls(char *const *environment);

/* For process 1: sends that to a spare by its link, if the spare is ready, with n bytes of text:
 * the variables, each with its NUL. Returns whether it was sent. */
bool init_link_give(int link, int fd, const char *text, size_t n);

/* This process needs it no more. */
void init_link_close(void);

enum init_link_answer {
    INIT_LINK_ALLOWED,
    INIT_LINK_COUNTED, /* too many: process 1 has counted it, and says so */
    INIT_LINK_NOBODY   /* there is nobody to ask */
};
enum init_link_answer init_link_ask(void);

/* Whether there is one. */
bool init_link_is_open(void);

/* Says where the client is, and waits until it may be served. False when it may not. Where nobody
 * answers, it may. */
bool init_link_admits(const unsigned char address[INIT_LINK_ADDRESS]);

/* Says that this connection's client has shown a right credential; once, however often it is
 * called. Nobody may hear it. */
void init_link_known(void);

/* Says that a run of this connection may outlive it (core/keeper.h): whatever is left of the
 * process group when its first process has ended has a command to look after. */
void init_link_keeper(void);

#endif
