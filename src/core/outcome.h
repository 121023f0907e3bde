/* outcome.h: what became of a request, and what the client is told of it. */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

#include <stddef.h>

#include "base/buf.h"

/* What became of a request. */
enum outcome_kind {
    OUTCOME_ENDED,     /* the command ran and ended */
    OUTCOME_TIMEOUT,   /* it was ended by COMMAND_TIMEOUT */
    OUTCOME_FAILED,    /* it could not be started: code 126 or 127, and `reason` */
    OUTCOME_DENIED,    /* the policy refused: `reason` */
    OUTCOME_FORBIDDEN, /* this credential may not have it: `reason` */
    OUTCOME_SKIPPED,   /* another run holds the lock, and that is fine */
    OUTCOME_BUSY,      /* another run holds the lock */
    OUTCOME_FULL,      /* as many runs are kept that have not ended as may be */
    OUTCOME_KEPT,      /* it is under way without its client, who may ask for it */
    OUTCOME_UNKNOWN,   /* the role has no run of that name */
    OUTCOME_LOST,      /* it ran, and nobody knows how it ended */
    OUTCOME_GONE,      /* the client went away before anything ran */
    OUTCOME_ERROR      /* an error of ours or of the machine; nothing ran, the log says why */
};

struct outcome {
    enum outcome_kind kind;
    int code;        /* exit code, 128 + n for signal n */
    int signal;      /* that n, or 0 */
    const char *run; /* the run's name, or NULL */
    const char *reason;
    /* OUTCOME_SKIPPED and _BUSY: what is under way, for the client: the beginning of a sentence */
    const char *busy;
    const char *requested; /* OUTCOME_DENIED: what was asked for, of requested_n bytes */
    size_t requested_n;
};

/* Puts what the client reads of an outcome besides the command's output: one line, or of a denial
 * two: its request, as far as it is text that no terminal takes for anything else, and why it may
 * not be run. Nothing of a command that ran, nor where nobody is there to read it. `newline` ends
 * a line that is alone. */
void outcome_tell(struct buf *b, const struct outcome *o, const char *newline);

#endif
