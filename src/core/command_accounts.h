/* command_accounts.h: the accounts that commands run as: SSH_USER, and whom roles name (RUN_AS).
 * What one of them could write must not decide about any run. */
#ifndef CORE_COMMAND_ACCOUNTS_H
#define CORE_COMMAND_ACCOUNTS_H

#include "base/writers.h"
#include "core/settings.h"

/* The settings that say who they are, and the environment in which DOCKER_HOST stands, or NULL:
 * kept by reference. */
void command_accounts_use(const struct settings *s, char *const *environment);

/* Has them looked up anew by the next call: roles come and change at any time. */
void command_accounts_forget(void);

/* Adds the one that the next command runs as, kept by reference: whatever was looked up before, it
 * is one of them. */
void command_accounts_next(const struct account *a);

/* As writers_find, for the first of them who could write there, else for everybody but root. */
unsigned command_accounts_find(struct writers *w, const char *path);

/* Whether one of them could read what stands at an absolute path. */
bool command_accounts_can_read(const char *path);

#endif
