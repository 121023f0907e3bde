/* shell_link.h: what `bastion ssh` does for the login shell that tinysshd has started: it makes a
 * monitor for it (core/monitor.h), which starts the command. */
#ifndef SSH_SHELL_LINK_H
#define SSH_SHELL_LINK_H

#include "ssh/ssh_connection.h"

/* Somebody has spoken on the socket: if it is the shell of one who may log in, it gets its
 * monitor. */
void shell_link_read(struct ssh_connection *c);

#endif
