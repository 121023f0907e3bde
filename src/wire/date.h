/* date.h: the moments at which credentials end, as people write them. Seconds are those of time(2),
 * since the beginning of 1970 in UTC; years are 1970 to 9999. Pure: bytes in, values out. */
#ifndef WIRE_DATE_H
#define WIRE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/slice.h"

#define DATE_NEVER INT64_MAX

/* The last second of what a token's expires= says: YYYY-MM-DDTHH:MM:SSZ, or YYYY-MM-DD, a whole day
 * that counts to its end in UTC (RFC 3339 has both forms). False when it is neither, or no day or
 * time of the calendar. */
bool date_read(int64_t *seconds, struct slice text);

/* The last second of what expiry-time="..." of an SSH key says (sshd(8)): YYYYMMDD, which is the
 * day's first moment, YYYYMMDDHHMM or YYYYMMDDHHMMSS; with Z or UTC behind it in UTC, else in the
 * local time of the machine: then *local is set, and the seconds are those of the same clock in
 * UTC. */
bool date_read_compact(int64_t *seconds, bool *local, struct slice text);

#define DATE_TEXT sizeof "9999-12-31T23:59:59Z"
/* Writes the moment as date_read takes it. */
void date_print(char out[DATE_TEXT], int64_t seconds);

#endif
