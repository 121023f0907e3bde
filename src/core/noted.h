/* noted.h: faults that are found anew for every connection, and are to be in the log once. */
#ifndef CORE_NOTED_H
#define CORE_NOTED_H

#include "base/buf.h"

/* Logs each of the lines that was not among those of the last call with that file, which remembers
 * them, in the open directory: as errors of a connection, or with `peer` NULL as notices. Where the
 * file can't be written nothing is said, since it would be said again for every client (`bastion
 * check` does). */
void noted_log(int directory, const char *file, const struct buf *lines, const char *channel,
               const char *peer);

#endif
