/* snapshot.h: the settings of a run, as files for programs whose environment is not the administrator's: a login shell under
 * another sshd and `bastion cgi`. (Under `bastion ssh` the shell is told by it.) */
#ifndef INIT_SNAPSHOT_H
#define INIT_SNAPSHOT_H

#include "core/settings.h"

/* Makes `folder`/settings hold what of the settings of a run came from the environment, or from a file that it named, and
 * nothing else: no file of an earlier start, no secret. Returns 0, or -1 with errno. */
int snapshot_write(const struct settings *s, const char *folder);

#endif
