/* preflight.h: what this process has been given to work with: capabilities, the account, RUN_DIR,
 * time zones. What is missing is said by its name and with the remedy, before anybody is served. */
#ifndef INIT_PREFLIGHT_H
#define INIT_PREFLIGHT_H

#include <stdbool.h>

#include "core/settings.h"

/* What leaves nobody anything to be served with, or NULL; good until the next call. `ssh`: SSH is
 * to be served. To be called when the accounts are there. */
const char *preflight_error(const struct settings *s, bool ssh);

/* Why this account, which is not root, can't serve SSH in its container, or NULL; good until the
 * next call. */
const char *preflight_bars_ssh(void);

/* Puts into the log what works only in part, and what was likely meant otherwise. */
void preflight_note(const struct settings *s);

#endif
