/* syslog.h: /dev/log, where no other program listens: what programs send there by syslog(3) goes to
 * the container's log, line by line.
 *
 * Any command may send anything, so that no message is printed as it came: each stands quoted in a
 * line of bastion's that names the sender's account as the kernel knows it (unix(7),
 * SCM_CREDENTIALS). */
#ifndef INIT_SYSLOG_H
#define INIT_SYSLOG_H

#include <sys/types.h>

/* Opens /dev/log. Returns a descriptor, or -1 when another program listens there or it can't be
 * made. */
int syslog_open(void);

/* Starts the process that prints, since a slow log must not hold up process 1. Returns its process
 * id, or -1 with errno. */
pid_t syslog_start(int fd);

/* Removes /dev/log and, when that process has ended, prints what is left there. */
void syslog_close(int fd);

#endif
