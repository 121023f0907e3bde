/* clock.h: time, for deadlines and for people. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

/* Milliseconds of the monotonic clock (clock_gettime(2), CLOCK_MONOTONIC): only differences mean
 * anything. */
int64_t clock_now(void);

/* The earlier of two deadlines. */
int64_t clock_earlier(int64_t a, int64_t b);

/* A deadline that is `ms` after `now`. */
int64_t clock_after(int64_t now, int64_t ms);

/* What ppoll(2) wants for a deadline: fills *ts and returns it, zero when the deadline has passed,
 * or returns NULL for CLOCK_NEVER. */
struct timespec *clock_left(int64_t deadline, int64_t now, struct timespec *ts);

/* The seconds of time(2) at which a clock that shows the machine's local time (tzset(3)) shows what
 * one in UTC shows at `seconds`. */
int64_t clock_local(int64_t seconds);

#define CLOCK_STAMP sizeof "2026-11-24T12:00:00.123Z"
/* The time of day in UTC as RFC 3339 has it, with milliseconds. */
void clock_stamp(char out[CLOCK_STAMP]);

#define CLOCK_HTTP_DATE sizeof "Sun, 06 Nov 1994 08:49:37 GMT"
/* The time of day as RFC 9110, section 5.6.7 has it (IMF-fixdate). */
void clock_http_date(char out[CLOCK_HTTP_DATE]);

#endif
