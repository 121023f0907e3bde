/* forwarded_for.h: the field X-Forwarded-For, to which each proxy appends the address that it was
 * connected from: the last one is the nearest. Pure: bytes in, values out.
 *
 * There is no standard for it, and these are the forms that proxies write: 192.0.2.1,
 * 192.0.2.1:1234, 2001:db8::1, [2001:db8::1], [2001:db8::1]:1234, and IPv4 mapped into IPv6.
 * Several lines of the field are one list (RFC 9110, section 5.3), and empty entries are none
 * (section 5.6.1). */
#ifndef WIRE_FORWARDED_FOR_H
#define WIRE_FORWARDED_FOR_H

#include <stdbool.h>
#include <stddef.h>

#include "limit.h"
#include "wire/slice.h"

enum { FORWARDED_ADDRESS = 16 }; /* bytes: of IPv6, or of IPv4 mapped into it */

/* The addresses from the last one backwards. All zero at the start. */
struct forwarded_for {
    size_t n;
    /* before them stands another entry: one that is no address, or one too many. Whoever it names
     * can't be known. */
    bool more;
    unsigned char address[LIMIT_FORWARDED][FORWARDED_ADDRESS];
};

/* Adds what a line of the field says: to be called for each, the last one first. */
void forwarded_for_add(struct forwarded_for *f, struct slice value);

#endif
