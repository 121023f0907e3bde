/* handoff.h: how `bastion ssh` and the login shell of its session find one another.
 *
 * tinysshd gets one end of a socket pair as descriptor 3, which it does not know of and passes on
 * to the account's shell, as it does its environment: the login shell finds it there. It says HELLO
 * (core/message.h), with which the kernel tells `bastion ssh` who that is, and the shell's standard
 * input comes. Then `bastion ssh` makes a monitor, which serves the shell as the front that it
 * is. */
#ifndef SSH_HANDOFF_H
#define SSH_HANDOFF_H

#include "core/message.h"

enum { HANDOFF_FD = 3 };

/* ---- bastion ssh ---- */

/* Makes the socket: link[0] is this process's, link[1] what tinysshd gets as HANDOFF_FD. Returns 0,
 * or -1 with errno. */
int handoff_open(int link[2]);

/* Takes the HELLO. RECEIPT_MESSAGE: it is from a child of `parent` that runs as `uid`, and *input
 * is the reading end of the pipe that is the shell's standard input, or -1 where that is a
 * terminal. It is to be kept open as long as tinysshd lives: when nobody can read what the client
 * still sends, tinysshd takes that for a fatal error, and the client does not learn how the command
 * ended. */
enum receipt handoff_take(int link, struct received *room, pid_t parent, uid_t uid, int *input);

/* ---- the login shell ---- */

/* Whether descriptor 3 is such a socket; it stays open then (fd_only_standard), and is closed at an
 * exec. Else another sshd serves the session. */
bool handoff_is_there(void);

/* Says HELLO. Returns 0, or -1: nobody is there any more. */
int handoff_hello(void);

#endif
