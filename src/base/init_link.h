/* init_link.h: the socket between `bastion init` and a process that serves a connection which it
 * has accepted. Each connection has one of its own, so that nobody can ask for another's.
 *
 * What is said is one byte, as a rule. There is one question, with one byte as its answer: whether
 * a line of the log on a refused client may be written. Of those there are LIMIT_DENIAL_LINES a
 * second, of all connections of a port; process 1 counts the others, and says how many there were.
 * And there is one statement, without an answer: that a credential was right. Process 1 ends
 * connections of which it has not heard that (init/unknown.h). Another one is that a run may outlive
 * the connection.
 *
 * `bastion proxy` says once where the client is for whom a trusted proxy speaks: INIT_LINK_CLIENT
 * and the address, 16 bytes (base/ip.h, ip_map). The answer is INIT_LINK_ANSWER bytes:
 * INIT_LINK_YES, or INIT_LINK_NO where it is one too many, and has been logged; or INIT_LINK_WAIT,
 * and behind it for how many milliseconds, in the machine's order: then the question comes again.
 */
#ifndef BASE_INIT_LINK_H
#define BASE_INIT_LINK_H

#include <stdbool.h>

/* Where a process that is started has the socket, and the variable that says so, and what `bastion
 * init` has found out once for all of them: BASTION_INIT=3, then `c` in bastion's own image
 * (base/container.h), `f` where the log is a regular file, and a dot with the kernel's version of
 * Landlock behind it. */
#define INIT_LINK_FD 3
enum { INIT_LINK_VARIABLE = sizeof "BASTION_INIT=3cf.-9223372036854775808" };
void init_link_describe(char variable[INIT_LINK_VARIABLE]);

enum {
    INIT_LINK_MAY_LOG = 'd',
    INIT_LINK_KNOWN = 'k',
    INIT_LINK_KEEPER = 'r',
    INIT_LINK_CLIENT = 'c',
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
