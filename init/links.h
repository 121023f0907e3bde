/* links.h: the sockets to the processes that serve connections (base/init_link.h), and the answers
 * that they get. */
#ifndef INIT_LINKS_H
#define INIT_LINKS_H

#include <stdint.h>

#include "listen.h"

/* Returns the descriptor that is readable when somebody asks (epoll(7)), or -1 with errno. */
int links_open(void);

/* Makes a link for one more connection of listener number `number`: link[0] is this process's end,
 * and link[1] for the one that is started. Both are -1 where there can be none, or where that would
 * leave too few descriptors for clients: the process does without. */
void links_add(int links, unsigned number, int link[2]);

/* Closes this process's end, unless it is -1: whoever has got hold of the other one keeps none of
 * this process's descriptors with it. */
void links_remove(int links, int link);

/* Answers some of those who ask. Who is gone, or takes no answer, is not listened to any more. */
void links_answer(int links, struct listener *listeners, int64_t now);

/* Says in the log how many lines were left out, of every listener of which that is due. Returns the
 * deadline for the next call. */
int64_t links_note_left_out(struct listener *listeners, size_t count, int64_t now);

#endif
