/* networks.h: a list of addresses and networks (base/cidr.h), with commas, white space or both
 * between them: TRUSTED_PROXIES. It is read where it stands, since it is short and asked for a few
 * times for each connection. */
#ifndef BASE_NETWORKS_H
#define BASE_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cidr.h"

/* The next entry of *list, of *n bytes, or NULL at its end. *list moves on. */
const char *networks_next(const char **list, size_t *n);

/* Whether the address, mapped or not, is in one of the networks. An entry that is none has nobody,
 * and neither has a list that is NULL. */
bool networks_have(const char *list, const struct ip *ip);

/* The same of an address in the form of base/ucspi.h; one that is no IP address is in no list. */
bool networks_have_text(const char *list, const char *address);

#endif
