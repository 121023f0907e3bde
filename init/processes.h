/* processes.h: the descendants of this process, as /proc shows them. */
#ifndef INIT_PROCESSES_H
#define INIT_PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

/* Reads anew which processes there are. False when that can't be done. */
bool processes_look(void);

/* Whether (as of the last look) this process has no descendant but `spare`. */
bool processes_is_alone(pid_t spare);

/* Whether a command runs for the connection whose first process is `pid` (as of the last look):
 * whether that has a descendant in a session of its own. All commands have one, and of bastion's
 * and tinysshd's processes only a login shell on a terminal, which somebody uses. */
bool processes_is_busy(pid_t pid);

/* Sends a signal to every descendant of this process but `spare`: in a container to all that is
 * there, elsewhere to what /proc shows. */
void processes_signal(int signal, pid_t spare);

/* The same, but only to those whose session's leader is not one that `is_connection` knows:
 * commands, and what they have left behind. */
void processes_signal_commands(int signal, pid_t spare, bool (*is_connection)(pid_t leader));

/* Sends a signal (as of the last look) to those children of this process that `is_chosen` knows,
 * and to all that descend from them. */
void processes_signal_branches(int signal, bool (*is_chosen)(pid_t first));

#endif
