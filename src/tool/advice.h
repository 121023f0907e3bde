/* advice.h: the classic mistakes in a rule of the allowlist. Nothing of it is wrong; most of it is not meant. */
#ifndef TOOL_ADVICE_H
#define TOOL_ADVICE_H

#include <stddef.h>

#include "core/rules.h"

enum { ADVICE_MAX = 8 };

/* What is likely not meant in an extended regular expression as a rule. Returns the count of texts, each once, in the order
 * in which they stand in the rule. */
size_t advice_on(const char *rule, const char *texts[ADVICE_MAX]);

/* What is to be said of a rule whose last word may be anything, where requests are logged in full; NULL for any other rule. */
const char *advice_on_log(const char *rule);

/* The index of the rule before `index` because of which that one is never used, or -1: the same text, one that admits
 * everything, or, where rule `index` is a plain request or several with bars between them, rules that match all of these. */
int advice_on_order(const struct rules *r, size_t index);

#endif
