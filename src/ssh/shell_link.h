/* shell_link.h: what `bastion ssh` does for the login shell that tinysshd has started: it hands the
 * session over (handoff.h) and passes the shell's lines to the log. */
#ifndef SSH_SHELL_LINK_H
#define SSH_SHELL_LINK_H

#include "ssh/ssh_connection.h"

/* Somebody has connected to the listener: if it is the shell of one who may log in, tells it who
 * that is. */
void shell_link_accept(struct ssh_connection *c);

/* The shell has sent something of a line, or is gone. */
void shell_link_read(struct ssh_connection *c);

#endif
