/* setup.h: what tinysshd finds on the disk, prepared for one connection: the account's keys, the
 * host's key, the lock. */
#ifndef SSH_SETUP_H
#define SSH_SETUP_H

#include <stdbool.h>

#include "base/account.h"
#include "base/run_directory.h"
#include "ssh/authorized_keys.h"
#include "core/lock.h"
#include "core/settings.h"

#define SETUP_KEYS RUN_DIRECTORY "/ssh"         /* where the account's ~/.ssh leads */
#define SETUP_HOST_KEY RUN_DIRECTORY "/hostkey" /* tinysshd's key directory */

/* Prepares all of it: looks up SSH_USER, reads the keys and writes them to SETUP_KEYS, sees to the
 * host's key, to the lock file and to the account's ~/.ssh, and finds tinysshd. What it finds
 * unusable on the way it notes in the log, once; `peer` is NULL where there is no client yet.
 * Returns NULL, or the error, good until the next call: then nobody may be served. */
const char *setup_prepare(const struct settings *s, struct account *account,
                          struct authorized_keys *keys, struct lock *lock, const char *peer,
                          char program[LIMIT_PATH]);

/* What of that would fail, and changes nothing: each error is given to `say`. Not looked at are the
 * account and the directories below /run where they are made or mended before anybody is served, as
 * bastion init does in the container. */
void setup_look(const struct settings *s, bool makes_account, bool makes_directories,
                void (*say)(const char *error));

/* tinysshd serves every account that has keys. Where nobody holds what it starts (`traced` is
 * false) and it could become another account, no other may have any. Returns NULL, or the error. */
const char *setup_check_others(const struct account *account, bool traced);

#endif
