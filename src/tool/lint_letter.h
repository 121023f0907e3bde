/* lint_letter.h: what the letters of a compiled expression (wire/ere.h) stand for: one character,
 * or a set of them. */
#ifndef TOOL_LINT_LETTER_H
#define TOOL_LINT_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/ere.h"

/* Whether a letter of an expression stands for that character and for nothing else that a request
 * may have. */
bool lint_letter_is(const struct ere *e, uint32_t letter, uint32_t code);

/* Whether a letter stands for control characters alone, or for these and the space. */
bool lint_letter_is_control(const struct ere *e, uint32_t letter);

/* Whether the expression has a letter that stands for that ASCII character and for others, too. */
bool lint_letter_has_loose(const struct ere *e, uint32_t code);

/* Whether it has one that stands for that character alone. */
bool lint_letter_has_own(const struct ere *e, uint32_t code);

#endif
