/* from.h: where a credential counts: the list of a token's from=, and that of the option from="..."
 * of an SSH key (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). Pure: bytes in, values out. */
#ifndef WIRE_FROM_H
#define WIRE_FROM_H

#include <stdbool.h>

#include "wire/slice.h"

/* Addresses and networks (base/cidr.h) with commas between them, and no white space.
 *
 * With FROM_PATTERNS, as sshd has it, an entry may also be a pattern with * (any characters, or
 * none) and ? (any one), which the printed address has to match, and a ! before an entry keeps out
 * whom it matches, whatever else does. A host's name is a fault: sshd would look it up, here it
 * could match nobody, and behind ! keep nobody out. */
enum from_kind { FROM_NETWORKS, FROM_PATTERNS };

/* What is wrong with a list, or NULL. */
const char *from_wrong(struct slice list, enum from_kind kind);

/* Whether a list in which nothing is wrong has the client's address, in the form of
 * base/ucspi.h. One that is no IP address ("local", "unknown") is in no list. */
bool from_has(struct slice list, enum from_kind kind, const char *peer);

#endif
