/* snapshot.h: what the folders of credentials have said, kept in RUN_DIR from one process to the
 * next for as long as nothing in them changes: to ask for the state of a file takes a third of what
 * reading it takes, and a request has as many to read as there are tokens. */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/statfs.h>
#include <time.h>

#include "base/buf.h"
#include "core/settings.h"

/* Returns what snapshot_leave has left in RUN_DIR under this name, and its length: valid until the
 * next call; or NULL, where there is none or where anything may have changed since. Every file of
 * credentials, and every setting of a role, then counts as just judged (core/protect.h). What was
 * left by another version is none; what it means is the caller's. */
const void *snapshot_take(const struct settings *s, const char *name, size_t *n);

/* A reading of those files, to be remembered. */
struct snapshot_reading {
    time_t began;
    int mounts; /* tells of mounts (proc(5), /proc/pid/mounts), which change no file's state */
};

/* It begins: no file has been looked at yet. */
void snapshot_begin(struct snapshot_reading *r);

/* Room for what is to be left, empty: the same each time. There may be none. */
struct buf snapshot_room(void);

/* It has ended. Leaves n bytes that were read from those files, and from nothing else; or nothing,
 * with NULL. The files must have been without fault. Nothing is left where a later change might not
 * be seen, or where it is not worth it:
 * - by a process that is not root, or in a directory that is not root's alone;
 * - of files that others than root could write, or that are reached by links;
 * - of files that were changed in the last seconds, since the next change might have the same time,
 *   or where anything was mounted meanwhile;
 * - of file systems whose files change elsewhere, on a server;
 * - of a few files, which are read as fast. */
void snapshot_leave(struct snapshot_reading *r, const struct settings *s, const char *name,
                    const void *bytes, size_t n);

/* Whether a change of a file on this mount is seen here at once: on one that has a server, a change
 * is seen when the server is asked, which a look at the state need not do. */
bool snapshot_is_local(const struct statfs *fs);

#endif
