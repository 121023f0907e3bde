/* syslog.h: /dev/log, where there is no other: what is sent there by syslog(3) goes to the
 * container's log, line by line.
 *
 * Whoever runs in the container may send what he likes, so no line of it is taken for one of
 * bastion's: each stands quoted in a line of ours that names the sender's account as the kernel
 * knows it (unix(7), SCM_CREDENTIALS). */
#ifndef INIT_SYSLOG_H
#define INIT_SYSLOG_H

#include <sys/types.h>

/* Opens /dev/log. Returns a descriptor, or -1 when another program listens there or it can't be
 * made. */
int syslog_open(void);

/* Starts the process that prints. A slow log must not stop process 1. Returns its process id, or -1
 * with errno. */
pid_t syslog_start(int fd);

/* Takes /dev/log away, and prints what is left there when that process has ended. */
void syslog_close(int fd);

#endif
