/* follow.h: a run that is kept, passed on to a front that asks for it: what its record says, then
 * its output by a pipe, as if the command wrote there, then its outcome (core/message.h). Another
 * process, its keeper, waits for its end. */
#ifndef CORE_FOLLOW_H
#define CORE_FOLLOW_H

#include <stdbool.h>

#include "core/await.h"
#include "core/record.h"

enum follow_until {
    FOLLOW_TO_END,    /* of the run */
    FOLLOW_AFTER_END, /* the same, but nothing before that */
    FOLLOW_TO_NOW
};

/* Passes on the run of the record until its end or the front's. A front that takes its time holds
 * up nobody else: what is gone from the record meanwhile is left out. run_watch_signals has been
 * called; a signal that tells this process to end is an end, too. Where another run is shared, it
 * is that one; *r is its reader then. */
void follow_pass_on(struct record_reader *r, enum follow_until until, struct front_link *front);

/* Waits for the end of the run alone, and gives what the record says then. */
void follow_await(struct record_reader *r, struct record_about *about);

/* Tells the front what the record says. */
void follow_tell_state(const struct record_about *about, struct front_link *front);

#endif
