/* runs.h: what a client may ask of the runs that are kept of its role (bastion(8), RUNS), and has
 * done by the monitor. */
#ifndef CORE_RUNS_H
#define CORE_RUNS_H

#include "core/await.h"
#include "core/session.h"

/* Both serve a request whose credential was right; of `rq` channel, user and peer count. The log
 * has it before the front does. Return as session_serve does. */

/* Gives the front what the records say (struct record_about), newest first. */
bool runs_list(struct session *s, const struct request *rq, struct front_link *front);

/* Gives it what is wanted (MESSAGE_FOLLOW_OUTPUT ...) of the run `name`; or OUTCOME_UNKNOWN, where
 * the role has none of that name: whether another role has one is not looked at. */
bool runs_follow(struct session *s, const struct request *rq, int what, const char *name,
                 struct front_link *front);

#endif
