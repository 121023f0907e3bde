/* lint_search.h: is there a request that an expression (wire/ere.h) matches, and which is so and
 * so? A breadth-first search over what can have been read of it: sets of positions, of several
 * expressions at once, so that the first request which is found is a shortest one, and finding none
 * is a proof. Of characters that are one to the expressions, one is tried. What takes more than
 * LIMIT_LINT_STATES, _MEMORY or _WORK is not decided. */
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
    LINT_ASK_SPACE,  /* what is no space of its own reads one between two words */
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

/* Whether a letter of an expression stands for that character and for nothing else that a request
 * may have. */
bool lint_letter_is(const struct ere *e, uint32_t letter, uint32_t code);

#endif
