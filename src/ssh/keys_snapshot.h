/* keys_snapshot.h: the table of SSH's keys, remembered from login to login (core/snapshot.h). */
#ifndef SSH_KEYS_SNAPSHOT_H
#define SSH_KEYS_SNAPSHOT_H

#include "ssh/authorized_keys.h"

/* Fills a table that was started with what is remembered. False where nothing is, or something has
 * changed since: then it has to be started again, and read. */
bool keys_snapshot_take(struct authorized_keys *k, const struct settings *s);

/* The reading has ended. Leaves what it has found, if it was without fault. */
struct snapshot_reading;
void keys_snapshot_leave(const struct authorized_keys *k, const struct settings *s,
                         struct snapshot_reading *reading);

#endif
