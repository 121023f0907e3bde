/* settings_export.h: what of the settings stands in the environment of `bastion init`, as files for
 * programs whose environment is not the administrator's: a login shell under another sshd and
 * `bastion cgi`. (Under `bastion ssh` the shell is told by it.)
 *
 * It counts while that process lives and no longer. It holds two locks of the whole file
 * SETTINGS_EXPORT/.init (fcntl(2), one for a byte), which nobody can forge who can't write that
 * file, and which the kernel takes away however it ends. */
#ifndef CORE_SETTINGS_EXPORT_H
#define CORE_SETTINGS_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/run_directory.h"

struct settings;

#define SETTINGS_EXPORT RUN_DIRECTORY "/settings"

/* Makes SETTINGS_EXPORT hold what of a run's settings, and of those that say where configuration
 * stands, came from the environment or from a file that it named, and nothing else: no file of an
 * earlier start, no secret; and the paths of such files, as links NAME_FILE. As root alone. Returns
 * 1; 0 when another `bastion init` that lives has it, or this is not root, and then nothing was
 * written; -1 with errno. */
int settings_export_write(const struct settings *s);

/* Takes away what settings_export_write of this process wrote, if it did. */
void settings_export_remove(void);

/* Whether what stands in SETTINGS_EXPORT is root's alone, whole, and of an `init` that lives. */
bool settings_export_counts(void);

/* Which file held the setting, in the directory `dir`: its path at `text`, *used more bytes of
 * which are used, or NULL. */
const char *settings_export_named_file(int dir, const char *name, char *text, size_t room,
                                       size_t *used);

#endif
