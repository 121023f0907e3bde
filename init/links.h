/* links.h: the sockets to the processes that serve connections (base/init_link.h), and the answers
 * that they get. */
#ifndef INIT_LINKS_H
#define INIT_LINKS_H

#include <stdint.h>

#include "listen.h"

/* Returns the descriptor that is readable when somebody asks (epoll(7)), or -1 with errno. */
int links_open(void);

/* Makes a link for one more connection of listener number `number`. Returns the end that its
 * process is given, or -1 where that can't be: the process does without. */
int links_add(int links, unsigned number);

/* Answers some of those who ask, and closes the links of those who are gone. */
void links_answer(int links, struct listener *listeners, int64_t now);

/* Says in the log how many lines were left out, of every listener of which that is due. Returns the
 * deadline for the next call. */
int64_t links_note_left_out(struct listener *listeners, size_t count, int64_t now);

#endif
