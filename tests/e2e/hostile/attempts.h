/* attempts.h: see attempts.c. */
#ifndef HOSTILE_ATTEMPTS_H
#define HOSTILE_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

void attempt_everything(void);

#endif
