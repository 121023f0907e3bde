/* policy.h: what a request may run. A pure function over the settings: it asks nobody and changes nothing. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/settings.h"

enum policy_mode { POLICY_NONE, POLICY_FORCE };

struct policy {
    enum policy_mode mode;
    const char *command;
};

struct decision {
    bool allow;
    const char *rule;   /* which rule allowed it, as the log names it */
    const char *reason; /* why not */
    const char *text;   /* what the log shows as the command; of text_n bytes */
    size_t text_n;
    const char *argv[4]; /* what execve(2) takes, when allowed */
};

/* Reads the mode out of the settings. Returns 0, or -1 with *fault when no request can be decided. */
int policy_load(struct policy *p, const struct settings *s, const char **fault);

/* Decides. In FORCE_COMMAND mode the request does not count. */
void policy_decide(const struct policy *p, struct decision *d);

/* COMMAND_LOCK and ON_DISCONNECT with their defaults, which depend on the mode and on one another. */
int policy_lock(const struct policy *p, const struct settings *s);
bool policy_hangs_up(const struct settings *s, bool holds_lock);

#endif
