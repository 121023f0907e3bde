#include "base/cidr.h"

#include <string.h>

#include "base/num.h"

enum { MAPPED_BITS = 96 }; /* that all mapped addresses share (RFC 4291, section 2.5.5.2) */

/* The mask of byte i: those of its bits that are the network's. */
static unsigned mask_at(unsigned bits, size_t i) {
    size_t before = 8 * i;
    unsigned own = bits <= before ? 0 : bits - before >= 8 ? 8 : (unsigned)(bits - before);
    return 0xffU << (8 - own) & 0xffU;
}

static bool has_host_bits(const struct cidr *c) {
    for (size_t i = 0; i < c->ip.n; i++)
        if ((c->ip.bytes[i] & ~mask_at(c->bits, i)) != 0)
            return true;
    return false;
}

enum cidr_fault cidr_read(struct cidr *c, const char *text, size_t n) {
    char address[LIMIT_PEER];
    const char *slash = memchr(text, '/', n);
    size_t address_n = slash != NULL ? (size_t)(slash - text) : n;
    if (address_n >= sizeof address || memchr(text, '\0', n) != NULL)
        return CIDR_NO_ADDRESS;
    memcpy(address, text, address_n);
    address[address_n] = '\0';
    if (!ip_read(&c->ip, address))
        return CIDR_NO_ADDRESS;
    uint64_t most = 8 * c->ip.n, bits = most;
    if (slash != NULL && !num_decimal(slash + 1, n - address_n - 1, most, &bits))
        return CIDR_NO_BITS;
    c->bits = (unsigned)bits;
    if (has_host_bits(c))
        return CIDR_HOST_BITS;
    if (c->bits >= MAPPED_BITS && most > 32) {
        ip_unmap(&c->ip);
        c->bits -= c->ip.n == 4 ? MAPPED_BITS : 0;
    }
    return CIDR_GOOD;
}

bool cidr_has(const struct cidr *c, const struct ip *ip) {
    struct ip plain = *ip;
    unsigned difference = 0;
    ip_unmap(&plain);
    if (plain.n != c->ip.n)
        return false;
    for (size_t i = 0; i < plain.n; i++)
        difference |= (plain.bytes[i] ^ c->ip.bytes[i]) & mask_at(c->bits, i);
    return difference == 0;
}
