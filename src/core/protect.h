/* protect.h: what is the administrator's stays so: no setting, rule or key counts that a command
 * could have written, and what a command's account may write is closed to it by Landlock.
 *
 * Judging and closing go by the same rule, from nothing but the disk, so that whoever believes a
 * file may rely on every command being kept from it, whichever program starts that. */
#ifndef CORE_PROTECT_H
#define CORE_PROTECT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "limit.h"

struct account;
struct settings;

/* The settings of this process, kept by reference, and the environment in which DOCKER_HOST stands,
 * or NULL: they say where configuration stands and who runs commands. settings_read calls it. */
void protect_use(const struct settings *s, char *const *environment);

enum protect_kind {
    PROTECT_IDENTITY, /* who runs commands: only what root alone can write counts */
    /* what stands in a directory of settings: also what the account of commands could write, if it
       is closed to them */
    PROTECT_SETTING,
    PROTECT_KEY /* a key, or a file that the administrator names: also what other accounts could
                   write, as a host's user writes his own */
};

/* Why what stands at an absolute path does not count, with the remedy, put at `text`; or NULL. */
const char *protect_refuses(const char *path, enum protect_kind kind, char text[LIMIT_ERROR]);

/* The same of what has been opened there without following a link at the path's end (O_NOFOLLOW):
 * `st` is what fstat(2) says of it, so that no second look is needed. */
const char *protect_refuses_open(const char *path, const struct stat *st, enum protect_kind kind,
                                 char text[LIMIT_ERROR]);

/* A reading of credentials begins: roles, and whose files are, may have changed since the last. */
void protect_begin(void);

/* It has judged every file there is of these: of roles, all that stands in ROLES_DIR. A run that
 * starts in the next moment relies on it. */
enum protect_read { PROTECT_TOKENS, PROTECT_KEYS, PROTECT_ROLES, PROTECT_KINDS_READ };
void protect_has_judged(enum protect_read what);

/* For a process that waits for its connection while core/watch.h tells of changes: looks ahead of
 * time at all that is watched; and says when the connection is there that nothing has changed. A
 * run that starts in the next moment relies on it. */
void protect_prepare(void);
void protect_confirm(void);

/* Whether the next command is put under a ruleset (base/landlock.h). */
bool protect_closes(void);

/* Makes that ruleset for a command of the account, kept by reference. Returns 1 with *ruleset, a
 * descriptor that is close-on-exec; 0 when none is needed, or nothing that counts would need it; -1
 * with an error when what counts can't be closed: then nothing may run. */
int protect_close(int *ruleset, const struct account *account, char error[LIMIT_ERROR]);

enum protect_finding {
    PROTECT_REFUSED, /* does not count */
    PROTECT_CLOSED,  /* counts, since commands are kept from it */
    PROTECT_SHARED,  /* counts, but accounts that are not root can write it */
    PROTECT_EXPOSED, /* a secret that commands can read */
    /* a mounted file that something else has replaced on the host: the old one counts */
    PROTECT_REPLACED
};

/* Tells of everything that is so: `path`, and a text for people to stand behind it, with the
 * remedy. */
void protect_report(void (*tell)(void *context, enum protect_finding finding, const char *path,
                                 const char *text),
                    void *context);

#endif
