/* login.h: who has logged in, by what tinysshd writes to its log. */
#ifndef SSH_LOGIN_H
#define SSH_LOGIN_H

#include "ssh/ssh_connection.h"

/* Reads on in tinysshd's log, until there is nothing more for now. */
void login_read_log(struct ssh_connection *c);

/* Whether whoever has logged in may start the login shell, by all that tinysshd has logged up to
 * now. If not, tinysshd is killed. */
bool login_may_start_shell(struct ssh_connection *c);

/* Writes why nobody was let in, for the log: also which keys were shown, so that their owners can
 * be found. */
enum { LOGIN_REASON = LIMIT_TROUBLE + LIMIT_REFUSED_KEYS + 2 };
void login_failure(const struct ssh_connection *c, char reason[LOGIN_REASON]);

#endif
