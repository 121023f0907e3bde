/* timestamp.h: times and durations, read and written as docker(1) does. */
#ifndef DOCKER_TIMESTAMP_H
#define DOCKER_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Adds what the engine takes for --since and --until, seconds with a fraction: those of `text`,
 * which is a count of seconds, a duration before `now` such as 1h30m, or a date with as much of RFC
 * 3339 as there is, in local time without a zone. False: it is none. */
bool docker_timestamp_write(struct buf *b, const char *text, int64_t now);

/* A duration for people: "About a minute", "3 weeks". */
void docker_timestamp_human(struct buf *b, int64_t seconds);

/* The whole seconds that have passed since a date as the engine writes it (RFC 3339); false when it
 * is none, or in the year 1, which stands for none. */
bool docker_timestamp_since(const char *text, int64_t *seconds);

#endif
