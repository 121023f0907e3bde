#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { FOUR = 4, SIX = 16, BEFORE_MAPPED = SIX - FOUR };

static const unsigned char before_mapped[BEFORE_MAPPED] = {[10] = 0xff, [11] = 0xff};

bool ip_read(struct ip *ip, const char *text) {
    ip->n = inet_pton(AF_INET, text, ip->bytes) == 1    ? FOUR
            : inet_pton(AF_INET6, text, ip->bytes) == 1 ? SIX
                                                        : 0;
    return ip->n != 0;
}

void ip_print(char out[LIMIT_PEER], const struct ip *ip) {
    inet_ntop(ip->n == FOUR ? AF_INET : AF_INET6, ip->bytes, out, LIMIT_PEER);
}

void ip_unmap(struct ip *ip) {
    if (ip->n != SIX || memcmp(ip->bytes, before_mapped, BEFORE_MAPPED) != 0)
        return;
    memmove(ip->bytes, ip->bytes + BEFORE_MAPPED, FOUR);
    ip->n = FOUR;
}

void ip_map(unsigned char out[16], const struct ip *ip) {
    memcpy(out, before_mapped, BEFORE_MAPPED);
    memcpy(out + SIX - ip->n, ip->bytes, ip->n);
}

bool ip_is_loopback(const struct ip *ip) {
    return ip->n == FOUR ? ip->bytes[0] == IN_LOOPBACKNET
                         : memcmp(ip->bytes, &in6addr_loopback, SIX) == 0;
}

bool ip_of_socket(struct ip *ip, unsigned *port, const struct sockaddr_storage *from) {
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
    bool is_four = from->ss_family == AF_INET;
    if (!is_four && from->ss_family != AF_INET6)
        return false;
    ip->n = is_four ? FOUR : SIX;
    memcpy(ip->bytes, is_four ? (const void *)&four->sin_addr : &six->sin6_addr, ip->n);
    *port = ntohs(is_four ? four->sin_port : six->sin6_port);
    return true;
}

socklen_t ip_to_socket(struct sockaddr_storage *to, const struct ip *ip, unsigned port) {
    struct sockaddr_in *four = (struct sockaddr_in *)to;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
    memset(to, 0, sizeof *to);
    if (ip->n == FOUR) {
        four->sin_family = AF_INET;
        four->sin_port = htons((in_port_t)port);
        memcpy(&four->sin_addr, ip->bytes, FOUR);
        return sizeof *four;
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((in_port_t)port);
    memcpy(&six->sin6_addr, ip->bytes, SIX);
    return sizeof *six;
}
