/* links.h: the sockets to the processes that serve connections (base/init_link.h): what they say,
 * and the answers that they get. All that one can gain by a lie is what a connection with a right
 * credential has. */
#ifndef INIT_LINKS_H
#define INIT_LINKS_H

#include <stdint.h>

#include "connection.h"
#include "listen.h"

/* Returns the descriptor that is readable when somebody says something (epoll(7)), or -1 with
 * errno. */
int links_open(void);

/* Whether descriptors are scarce now that `fd`, the newest one, is in use: those that are left are
 * for clients. First this process takes as many as it may have (spawn_raise_descriptors). */
bool links_are_scarce(int fd);

/* Makes a link for one more connection: link[0] is this process's end, and link[1] for the one that
 * is started. Both are -1 where there can be none, or where that would leave too few descriptors
 * for clients: the process does without, and its connection counts as known. */
void links_add(int links, int link[2]);

/* The same in two steps, for one that is started before its connection is there: what it says is
 * taken from the second on. Where it can't be, *link is closed and -1. */
void links_make(int link[2]);
void links_watch(int links, int *link);

/* Closes this process's end, unless it is -1: whoever has got hold of the other one keeps none of
 * this process's descriptors with it. */
void links_remove(int links, int link);

/* Takes what some of them have said. Who is gone, or takes no answer, is not listened to any
 * more. */
void links_take(int links, struct listener *listeners, int64_t now);

/* Takes what that connection, of listener `l`, has said so far. */
void links_read(int links, struct connection *c, struct listener *l, int64_t now);

/* Says in the log how many lines were left out, of every listener of which that is due. Returns the
 * deadline for the next call. */
int64_t links_note_left_out(struct listener *listeners, size_t count, int64_t now);

#endif
