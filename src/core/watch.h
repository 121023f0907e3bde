/* watch.h: has the kernel tell of every change of what is read before a connection is there
 * (inotify(7)): settings, accounts, keys, certificates, and the directories and links on the way
 * to them. It tells of a change in the call that makes it, whatever the file's times show then.
 * (Through a mapping (mmap(2)) a file can change unseen: no editor does that.)
 *
 * Left out is what each request looks at by itself: the credentials in tokens and roles, what is in
 * RUN_DIR, and the state of that directory. A mount over something is told by proc(5)'s
 * /proc/pid/mounts. */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include <stdbool.h>

/* Has `changes`, of inotify_init1(2), become readable when any of that changes which this
 * environment, the administrator's, and the settings name, or `program`, which all of this was read
 * by and which may be upgraded. It reads the settings: so it is not for a process that has some
 * already. False where a change might not be seen: on file systems whose
 * files change elsewhere, on a server; where directories can't be listed; where there is too much
 * of it. */
bool watch_configuration(int changes, char *const *environment, const char *program);

#endif
