/* refusal.h: how a client is refused that is one too many, and what the log has of it. */
#ifndef INIT_REFUSAL_H
#define INIT_REFUSAL_H

#include <poll.h>
#include <stdint.h>

#include "limit.h"
#include "listen.h"

/* Refuses the client whose connection is `fd`: sends it l->refusal and closes the connection, in
 * two steps, so that the response is not lost. It is noted, too. */
void refusal_make(struct listener *l, int fd, const char *peer, const char *reason, int64_t now);

/* Notes in the log that a client was refused, or ended. There is at most one line a second of that
 * for a listener, with how many there were since the last one. */
void refusal_note(struct listener *l, const char *peer, const char *reason, int64_t now);

/* Says how many there were since the last line where no other one is to say it, of every listener
 * of which that is due. Returns the deadline for the next call. */
int64_t refusal_note_left_out(struct listener *listeners, size_t count, int64_t now);

/* The line that says how many were left out; there are none then. */
void refusal_note_count(const struct listener *l, uint64_t *left_out);

/* How many refused connections are not closed yet. */
unsigned refusal_waiting(void);

/* Fills in what to wait for, the first refusal_waiting() of `fds`, and returns a deadline. */
int64_t refusal_watch(struct pollfd fds[LIMIT_TURNED_AWAY]);

/* To be called after that wait: reads and drops what has come, and closes what is done with. */
void refusal_ready(const struct pollfd fds[LIMIT_TURNED_AWAY], int64_t now);

#endif
