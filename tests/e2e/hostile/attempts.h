/* attempts.h: see attempts.c. */
#ifndef HOSTILE_ATTEMPTS_H
#define HOSTILE_ATTEMPTS_H

/* Says on this descriptor what came of each. */
void attempt_everything(int descriptor);

#endif
