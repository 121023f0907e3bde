/* preflight.h: whether this process was given what it needs: capabilities, the account, RUN_DIR,
 * time zones. What is missing is named with its remedy before anybody is served. */
#ifndef INIT_PREFLIGHT_H
#define INIT_PREFLIGHT_H

#include <stdbool.h>

#include "core/settings.h"
#include "limit.h"

enum { PREFLIGHT_TEXT = LIMIT_PATH + 512 };

/* Why nothing can be served, in `text` or a text of its own, or NULL. `ssh`: SSH is to be served.
 * To be called when the accounts have been written. */
const char *preflight_error(const struct settings *s, bool ssh, char text[PREFLIGHT_TEXT]);

/* The same for SSH alone, which an account that is not root can't always serve in its container. */
const char *preflight_ssh_error(char text[PREFLIGHT_TEXT]);

/* Writes into the log what works only in part, and what was likely meant otherwise. */
void preflight_note(const struct settings *s);

#endif
