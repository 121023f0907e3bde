/* intake.h: from a client that connects to a process that serves it: at once, after a wait, or not
 * at all. */
#ifndef INIT_INTAKE_H
#define INIT_INTAKE_H

#include <stdint.h>

#include "supervisor.h"

/* Takes those who wait at listener number `number`: some at a time. */
void intake_accept(struct supervisor *v, unsigned number, int64_t now);

/* Serves or refuses those that have waited (waiting.h), as far as that can be decided by now: to be
 * called whenever something has happened, and at waiting_deadline at the latest. */
void intake_retry(struct supervisor *v, int64_t now);

/* Refuses all that wait: nobody is served any more. */
void intake_close(struct supervisor *v, int64_t now);

#endif
