/* daemon.h: tinysshd's process: its start, what it starts itself, and its end. */
#ifndef SSH_DAEMON_H
#define SSH_DAEMON_H

#include "ssh/ssh_connection.h"

/* After setup_find, before there is a client: makes the process that will be tinysshd, as far as
 * that goes. Returns NULL, or the error. */
const char *daemon_prepare(struct ssh_connection *c);

/* After setup_prepare: starts tinysshd on descriptors 0 and 1, be its process prepared or not, and
 * watches all that the connection waits for. Returns NULL, or the error, which may stand in
 * c->setup.error. */
const char *daemon_start(struct ssh_connection *c);

/* A signal has come: passes one that ends this process on to tinysshd, and looks after children. */
void daemon_take_signal(struct ssh_connection *c);

/* Has what the client sends acknowledged at once (tcp(7), TCP_QUICKACK), which lasts for one piece:
 * to be called again whenever something comes. */
void daemon_quick_acknowledge(void);

#endif
