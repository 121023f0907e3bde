/* lint_search.h: is there a request that an expression (wire/ere.h) matches and that has some other
 * property? The search is breadth-first. A state is how far several expressions can have come, as
 * sets of positions, after the characters that led there. So the first request that is found is a
 * shortest one, and where none is found there is none. Of characters that no expression tells apart
 * one is tried (tool/lint_codes.h). What takes more than LIMIT_LINT_STATES, _MEMORY or _WORK is not
 * decided. */
#ifndef TOOL_LINT_SEARCH_H
#define TOOL_LINT_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"
#include "wire/ere.h"

enum { LINT_SIDES = 8 };

enum lint_question {
    LINT_ASK_ANY,    /* the first expression matches it, and none of the others */
    LINT_ASK_OTHER,  /* the same, with a - rather than a letter where both would do */
    LINT_ASK_OPTION, /* an argument begins with -, where the expression has no - of its own */
    LINT_ASK_EMPTY,  /* a word is left out: between two spaces, or at an end */
    LINT_ASK_SPACE,  /* a letter that is not the space alone reads the one between two words */
    LINT_ASK_FREE    /* it ends with a word that may be anything, of any length */
};

enum lint_answer { LINT_NO, LINT_YES, LINT_OPEN };

struct lint_request {
    size_t n;
    char text[LIMIT_REQUEST + 4];
};

/* Asks, of the expressions in `side` (1 to LINT_SIDES). `first_counts`: the first word is an
 * argument, too. With LINT_YES, *found is such a request. Only requests that the policy does not
 * refuse by themselves are looked for. `work` is what may be done, and becomes what is left. */
enum lint_answer lint_search(enum lint_question question, const struct ere *const *side,
                             size_t sides, bool first_counts, uint64_t *work,
                             struct lint_request *found);

#endif
