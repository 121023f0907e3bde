/* proxy_protocol.h: the header of the PROXY protocol, versions 1 and 2 (HAProxy, "The PROXY
 * protocol", sections 2.1 and 2.2), by which a proxy says where the client of a connection is.
 * Strict: what is not exactly as written there is none. Pure: bytes in, values out.
 *
 *     1   "PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n", TCP6 likewise; "PROXY UNKNOWN ...\r\n"
 *     2   12 bytes of signature; version and command; family and protocol; the length of what
 *         follows, two bytes: addresses of source and destination, their ports, then additional
 *         values (TLV), which are skipped
 *
 * A reader that takes byte for byte only what is certainly the header's leaves what stands behind
 * it, which may have come in the same segment, to whoever speaks with the client. */
#ifndef WIRE_PROXY_PROTOCOL_H
#define WIRE_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

/* Bytes of the longest header of version 1, and what of one of version 2 has a meaning here: 16
 * bytes, and two addresses of IPv6 with their ports. */
enum { PROXY_PROTOCOL_LINE = 107, PROXY_PROTOCOL_FIXED = 16, PROXY_PROTOCOL_USED = 52 };

struct proxy_protocol {
    /* else the client is not named: the connection is the proxy's own, or not of the Internet */
    bool has_client;
    struct ip client, server; /* never mapped; of the client, and what it has connected to */
    unsigned client_port, server_port;
};

enum proxy_protocol_result {
    PROXY_PROTOCOL_MORE, /* *more bytes follow that are certainly the header's */
    PROXY_PROTOCOL_DONE,
    PROXY_PROTOCOL_BAD /* there is no such header, or not here */
};

/* Reads the header of which the first n bytes have come, with 0 to begin with; only the first
 * PROXY_PROTOCOL_LINE of them need be at `in`. Once it is whole, and *h is filled in, n is exactly
 * its length. One that is longer than LIMIT_PROXY_HEADER is bad. */
enum proxy_protocol_result proxy_protocol_read(struct proxy_protocol *h, const void *in, size_t n,
                                               size_t *more);

#endif
