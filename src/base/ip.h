/* ip.h: IP addresses, read, printed and compared. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "limit.h"

struct ip {
    size_t n; /* 4 or 16 */
    unsigned char bytes[16];
};

/* Reads an address as people write it, with nothing around it. False when it is none. */
bool ip_read(struct ip *ip, const char *text);

/* Writes it as inet_ntop(3) does. */
void ip_print(char out[LIMIT_PEER], const struct ip *ip);

/* Makes an IPv4 address that is mapped into IPv6 (::ffff:192.0.2.1; RFC 4291, section 2.5.5.2) the
 * IPv4 address that it is. */
void ip_unmap(struct ip *ip);

/* Whether an address that is not mapped is this machine's own loopback. */
bool ip_is_loopback(const struct ip *ip);

/* Writes 16 bytes by which addresses of both families can be compared: IPv6, or IPv4 mapped. */
void ip_map(unsigned char out[16], const struct ip *ip);

/* Takes address and port out of a socket's address. False when it is of neither family. */
bool ip_of_socket(struct ip *ip, unsigned *port, const struct sockaddr_storage *from);

/* Makes a socket's address. Returns its size. */
socklen_t ip_to_socket(struct sockaddr_storage *to, const struct ip *ip, unsigned port);

#endif
