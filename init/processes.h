/* processes.h: the processes below this one, as /proc shows them. */
#ifndef INIT_PROCESSES_H
#define INIT_PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

/* Looks at all processes of the machine or container. False when that can't be done. */
bool processes_look(void);

/* Whether (as of the last look) there is no process below this one but `spare`. */
bool processes_is_alone(pid_t spare);

/* Whether something runs for the process `pid` (as of the last look): a process below it in another
 * session than the one `pid` leads. So are all commands, and no process of bastion's or tinysshd's
 * own is, but a login shell on a terminal, which is a session that somebody uses. */
bool processes_is_busy(pid_t pid);

/* Sends a signal to every process below this one but `spare`: all of the container, or what /proc
 * shows. */
void processes_signal(int signal, pid_t spare);

/* The same, but only to those in a session that `is_ours`, given its leader, does not know:
 * commands, and what they have left. */
void processes_signal_others(int signal, pid_t spare, bool (*is_ours)(pid_t session));

#endif
