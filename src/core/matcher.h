/* matcher.h: the room in which expressions are compiled and texts are matched, by whoever does
 * either now: nothing in it outlives a call of wire/ere.h. What is never touched of it costs
 * nothing. */
#ifndef CORE_MATCHER_H
#define CORE_MATCHER_H

#include "base/buf.h"
#include "wire/ere.h"

struct ere_work *matcher_work(void);
struct ere_run *matcher_run(void);

/* What is wrong, for people. `before` is how many characters stand before the expression in its
 * line. */
void matcher_describe(struct buf *b, const struct ere_fault *error, size_t before);

#endif
