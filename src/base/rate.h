/* rate.h: so many a second, and the rest is counted: for lines of the log that somebody else can
 * cause as often as he likes. */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_MS 1000 /* what is allowed is allowed once in this time */

/* All zero at the start. */
struct rate {
    int64_t since;     /* the beginning of the time that counts now (base/clock.h) */
    unsigned used;     /* how many there were in it */
    uint64_t left_out; /* how many were too many, until the caller has said so and sets it to 0 */
};

/* Whether there may be one more now; if not, it is counted in r->left_out. */
bool rate_allows(struct rate *r, unsigned a_second, int64_t now);

/* Whether some were left out, and it is time to say how many though none has come since. */
bool rate_is_due(const struct rate *r, int64_t now);

#endif
