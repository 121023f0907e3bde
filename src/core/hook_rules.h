/* hook_rules.h: HOOK_WHEN and HOOK_PASS: which deliveries of a webhook run the command, and which
 * of their values it gets (bastion-settings(5), WEBHOOKS).
 *
 * HOOK_WHEN is a list of lines NAME = ERE, where NAME is `event` or a value's path
 * (wire/json_push.h); HOOK_PASS one of lines VARIABLE = PATH ERE. Blank lines, and those that begin
 * with #, count for nothing. The expressions are those of wire/ere.h and match a value as a
 * whole. */
#ifndef CORE_HOOK_RULES_H
#define CORE_HOOK_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "limit.h"
#include "wire/slice.h"

struct hook_rules {
    size_t count;
    struct hook_rule {
        const char *path;      /* of its value; NULL: the event's name */
        struct slice variable; /* of HOOK_PASS; at == NULL in HOOK_WHEN */
        struct slice expression;
    } rule[LIMIT_HOOK_RULES];
    size_t used; /* bytes of `paths` */
    char paths[LIMIT_HOOK_RULES * LIMIT_HOOK_PATH];
};

enum { HOOK_RULES_ERROR = 256 }; /* bytes of such a text */

/* Reads both settings, each NULL where it is not set: the rules of HOOK_WHEN come first. The texts
 * must live as long. Returns NULL, or what is wrong, put at `error`, with its line and column. */
const char *hook_rules_read(struct hook_rules *r, const char *when, const char *pass,
                            char error[HOOK_RULES_ERROR]);

/* Whether the rule's expression matches the whole of the text. */
bool hook_rule_matches(const struct hook_rule *rule, struct slice text);

#endif
