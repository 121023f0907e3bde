/* policy.h: what a request may run: the one command, or, in broker mode, a request that the
 * allowlist has. Nobody is asked and nothing is changed: the same functions serve the channels and
 * `bastion check`. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rules.h"
#include "core/settings.h"

enum policy_mode { POLICY_NONE, POLICY_FORCE, POLICY_BROKER };

#define POLICY_LIST_NAME "allowed-commands.list"
#define POLICY_LIST "/etc/bastion/" POLICY_LIST_NAME

struct policy {
    enum policy_mode mode;
    const char *command; /* FORCE_COMMAND, or NULL */
    const char *allowed; /* ALLOWED_COMMANDS, or NULL */
    const char *prefix;  /* COMMAND_PREFIX, or NULL */
    const char *list;    /* the path of the list that is a file */
    struct rules rules;
};

/* What was decided on one request. It is good as long as its own storage, the policy's settings and
 * the request are. */
struct decision {
    bool allow;
    const char *reason; /* why not: a constant */
    /* what the log shows as the command or request; of text_n bytes, FORCE_COMMAND's or the
     * request's own */
    const char *text;
    size_t text_n;
    const char *rule; /* which one allowed it, as the log names it: force, or SOURCE:LINE; or "" */
    /* what execve(2) takes, when allowed, NULL behind it; argv[0] is looked for in PATH */
    const char *const *argv;
    size_t argc;
    /* where these two stand; what is large is last, and untouched in FORCE_COMMAND mode */
    const char *force[4];         /* of FORCE_COMMAND */
    struct buf words;             /* on `word_text`: the words of a request, each with its NUL */
    struct rules_verdict verdict; /* of the rules, where they were asked */
    char rule_text[LIMIT_PATH + 64];
    const char *list[LIMIT_WORDS + 1]; /* of a request */
    char word_text[LIMIT_VALUE + LIMIT_REQUEST + 2];
};

/* Reads the mode out of the settings: where there is an allowlist, be it empty or unusable,
 * FORCE_COMMAND does not count. Returns 0, or -1 with an error when no request can be decided. */
int policy_load(struct policy *p, const struct settings *s, char error[LIMIT_ERROR]);

/* That FORCE_COMMAND is set and does not count, for people, less its name, put at `text`; or NULL.
 */
const char *policy_ignores(const struct policy *p, char text[LIMIT_ERROR]);

/* force or broker, as the log has it. */
const char *policy_mode_name(const struct policy *p);

/* Reads the rules anew, ALLOWED_COMMANDS first, then the list. p->rules.errors names what of
 * them is none. */
void policy_read_rules(struct policy *p);

/* Decides. In FORCE_COMMAND mode the request does not count. In broker mode an absent request (at
 * == NULL) is refused as an empty one is. */
void policy_decide(const struct policy *p, struct slice request, struct decision *d);

/* What is wrong with a request that is refused whatever the rules say, or NULL. */
const char *policy_malformed(struct slice request);

/* COMMAND_LOCK and ON_DISCONNECT with their defaults, which depend on the mode and on one
 * another. */
int policy_lock(const struct policy *p, const struct settings *s);
bool policy_hangs_up(const struct settings *s, bool holds_lock);

#endif
