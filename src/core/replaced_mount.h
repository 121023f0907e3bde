/* replaced_mount.h: a file that is mounted by itself is the old one for good when an editor,
 * git or sed -i has put a new one in its place on the host: what is mounted has no name there any
 * more (st_nlink is 0, stat(2)). It is used, since there is no other, and it is said once for each
 * change, which a file in RUN_DIR remembers. */
#ifndef CORE_REPLACED_MOUNT_H
#define CORE_REPLACED_MOUNT_H

#include <stdbool.h>

#include "core/settings.h"

#define REPLACED_MOUNT                                                                             \
    "is mounted as a single file that has been replaced since: the old one counts until a "        \
    "restart; mount its folder"

/* Whether the file at `path` is such a one. */
bool replaced_mount_is(const char *path);

/* Names in the log which of the files that this process has its settings from are, and the
 * allowlist with `list`, unless that has been done. `directory` is RUN_DIR, opened, or -1; where
 * this process can't write there nothing is said (`bastion check` does). */
void replaced_mount_note(const struct settings *s, bool list, int directory, const char *channel,
                         const char *peer);

#endif
