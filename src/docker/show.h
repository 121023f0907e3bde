/* show.h: text that comes from elsewhere, made fit to be looked at. */
#ifndef DOCKER_SHOW_H
#define DOCKER_SHOW_H

#include <stdint.h>

#include "base/buf.h"

/* The columns that n bytes take on a terminal: two for a wide East Asian character or an emoji,
 * none for a combining or control one. */
size_t docker_width(const char *text, size_t n);

/* Cuts what begins at `start` to `columns`, the last of them an ellipsis, if it is wider. */
void docker_shorten(struct buf *b, size_t start, size_t columns);

/* Adds text in quotes, as Go's strconv.Quote writes it. */
void docker_quote(struct buf *b, const char *text, size_t n);

/* Writes text to standard output or error with what could steer a terminal as \x1b or \u009b: all
 * control characters but those of `kept`, and bytes that are no UTF-8. */
void docker_show(int fd, const char *text, size_t n, const char *kept);

/* A size for people, in powers of 1000 and three digits: "21.5MB". */
void docker_size_human(struct buf *b, uint64_t bytes);

#endif
