/* cidr.h: a network of IP addresses, as CIDR writes it (RFC 4632, RFC 4291): 192.0.2.0/24,
 * 2001:db8::/32, or a single address. */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

struct cidr {
    struct ip ip;  /* the first address; never a mapped one */
    unsigned bits; /* that all addresses of the network share */
};

enum cidr_fault {
    CIDR_GOOD,
    CIDR_NO_ADDRESS,
    CIDR_NO_BITS,  /* behind the slash stands no number from 0 to 32, or 128 */
    CIDR_HOST_BITS /* the address has bits beyond the network's: one of the two is a mistake */
};

/* Reads n bytes. A network of mapped addresses (::ffff:192.0.2.0/120) is that of IPv4. */
enum cidr_fault cidr_read(struct cidr *c, const char *text, size_t n);

/* Whether the address, mapped or not, is in the network. */
bool cidr_has(const struct cidr *c, const struct ip *ip);

#endif
