/* spares.h: processes that are ready for connections before these come. Each is executed, has read
 * settings and has confined itself; it waits at its link (base/init_link.h), serves one connection,
 * and is no other's again. It counts as nobody's connection until it has one.
 *
 * "An edit counts at once": before a connection is given away it is asked whether anything has
 * changed of what they have read (core/watch.h). If so, all are ended, and the connection gets a
 * process of its own, as it does where none is ready. */
#ifndef INIT_SPARES_H
#define INIT_SPARES_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "supervisor.h"

/* From now on spares_tick keeps as many as SPARE says. */
void spares_open(struct supervisor *v);

/* Gives the connection `fd` of listener number `number` to one that is ready, with what
 * base/init_link.h says. Returns its process id and puts this process's end of its link at *link,
 * which is the connection's from then on; or -1: there is none. */
pid_t spares_give(unsigned number, int fd, const struct buf *addresses, int *link, int64_t now);

/* Starts those that are missing. */
void spares_tick(struct supervisor *v, int64_t now);

/* What the loop waits at: fills in the slots, and returns until when; takes what has come. */
enum { SPARES_SLOTS = 2 };
int64_t spares_watch(const struct supervisor *v, struct pollfd slots[SPARES_SLOTS]);
void spares_ready(const struct pollfd slots[SPARES_SLOTS], int64_t now);

/* Takes up that a child has ended, be it one of these or not. */
void spares_note_end(pid_t pid, int status, int64_t now);

/* Ends all of them: new ones are started at once; in a while; never. */
void spares_end(void);
void spares_pause(int64_t now);
void spares_close(void);

#endif
