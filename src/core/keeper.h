/* keeper.h: the process of a run that outlives its request. It is forked by the monitor that has
 * the request, and does what that would do: it takes the lock, starts the command, writes the
 * record (core/record.h) and the log, and ends with the run. The monitor goes on with its
 * connection, and follows the record where its client is to see the output (core/follow.h).
 *
 * Where `bastion init` has started the connection, process 1 takes the keeper over when that ends.
 * Other superservers know of no process but the first, and some end what it leaves behind: there
 * the monitor waits for its keepers in the end (keeper_await_all). */
#ifndef CORE_KEEPER_H
#define CORE_KEEPER_H

#include <stdbool.h>

#include "core/await.h"
#include "core/record.h"

enum keeper_side {
    KEEPER_NONE,   /* there is none: nothing has changed */
    KEEPER_SELF,   /* this process is the keeper: *link is to the monitor */
    KEEPER_MONITOR /* this is the monitor: *link is to the keeper */
};

/* Forks the keeper of `record`, which is that one's alone from then on. In the keeper `front` is
 * closed: who is told what becomes of the run is the monitor, by *link, with the messages that are
 * the front's otherwise. */
enum keeper_side keeper_fork(struct record *record, struct front_link *front,
                             struct front_link *link);

/* The monitor's connection is over. A signal that tells this process to end is passed on. */
void keeper_await_all(void);

#endif
