/* place.h: what tinysshd finds on the disk, prepared for one connection: the account's keys, the host's key, the lock. */
#ifndef CHANNEL_PLACE_H
#define CHANNEL_PLACE_H

#include <stdbool.h>

#include "base/account.h"
#include "channel/ticket.h"
#include "core/keys.h"
#include "core/settings.h"

#define PLACE_KEYS TICKET_RUN_DIR "/ssh"         /* where the account's ~/.ssh leads */
#define PLACE_HOST_KEY TICKET_RUN_DIR "/hostkey" /* tinysshd's key folder */

/* Prepares all of it: looks up SSH_USER, reads the keys and writes them to PLACE_KEYS, sees to the host's key, to the lock file
 * and to the account's ~/.ssh, and finds tinysshd. What it finds unusable on the way it notes in the log, once.
 * Returns NULL, or the fault, good until the next call: then nobody may be served. */
const char *place_prepare(const struct settings *s, struct account *account, struct keys *keys, const char *peer,
                          char program[LIMIT_PATH]);

/* tinysshd serves every account that has keys. Where nobody holds what it starts (`guarded` is false) and it could become
 * another account, no other may have any. Returns NULL, or the fault. */
const char *place_check_others(const struct account *account, bool guarded);

#endif
