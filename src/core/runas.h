/* runas.h: whom commands run as, and with which groups. */
#ifndef CORE_RUNAS_H
#define CORE_RUNAS_H

#include "base/account.h"
#include "core/settings.h"

enum { RUNAS_TEXT = LIMIT_USER + 160 };
enum runas_state { RUNAS_FIT, RUNAS_MISSING, RUNAS_UNFIT };

/* Looks up whom commands run as where this process is root: a role's RUN_AS, else SSH_USER. Of one
 * that is missing, or that nothing may run as, `text` says so. */
enum runas_state runas_look_up(struct account *a, const struct settings *s, char text[RUNAS_TEXT]);

/* Finds the account: that one with its groups, where this process is root; else whoever this
 * process is. The group of the Docker socket is among them for SSH_USER, and for another one where
 * the role has DOCKER=on; it is not where it has DOCKER=off. Never group 0, unless DOCKER_GROUP
 * says so. `environment` is where DOCKER_HOST stands, or NULL. Returns 0, or -1 with an error: then
 * nothing may run. */
int runas_find(struct account *a, const struct settings *s, char *const *environment,
               char error[RUNAS_TEXT]);

/* As runas_find, for one who only wants to know what that account could do: one that can't be found
 * is SSH_UID with SSH_GID, as `bastion init` will make it. */
void runas_guess(struct account *a, const struct settings *s, char *const *environment);

/* The group that commands get for the Docker socket: what DOCKER_GROUP says, else the socket's own,
 * but never 0. False where there is none. */
bool runas_docker_group(gid_t *group, const struct settings *s, char *const *environment);

/* Whether commands would have the group 0 by the account's own groups (which whoever is not root
 * can't leave), and DOCKER_GROUP does not say that they may. */
bool runas_has_root_group(const struct account *a, const struct settings *s);

/* NO_NEW_PRIVS with its default, which depends on whether this is bastion's own image: whether
 * commands can gain nothing by programs that are setuid or have capabilities (PR_SET_NO_NEW_PRIVS,
 * prctl(2)). */
bool runas_no_new_privs(const struct settings *s);

/* Whether runs are kept apart from one another (base/landlock_apart.h): where they have
 * no_new_privs, without which that is not to be had, and there is Landlock. */
bool runas_is_apart(const struct settings *s);

/* Makes the ruleset for that. `terminal` is the command's, a descriptor, or -1. Returns 1 with
 * *ruleset, a descriptor that is close-on-exec; 0 where runs are not kept apart; -1 with an
 * error: then nothing may run. */
int runas_keep_apart(int *ruleset, const struct settings *s, int terminal, char error[LIMIT_ERROR]);

/* What is to be said of group 0, which commands never get from here (for DOCKER_GROUP): a constant,
 * or NULL. */
const char *runas_lacks(const struct settings *s, char *const *environment);

#endif
