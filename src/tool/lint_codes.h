/* lint_codes.h: which characters a search has to try: of those that are one to all expressions,
 * one. */
#ifndef TOOL_LINT_CODES_H
#define TOOL_LINT_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/lint_search.h"

enum { LINT_CODES = 1024 };

struct lint_codes {
    bool full;
    size_t n;
    uint32_t code[LINT_CODES]; /* those first that are best to read in an example */
};

/* Finds them for a question and its expressions. False when they are too many. */
bool lint_codes_find(struct lint_codes *c, enum lint_question question,
                     const struct ere *const *side, size_t sides);

#endif
