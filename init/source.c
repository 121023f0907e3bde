#include "source.h"

#include <netinet/in.h>
#include <string.h>

#include "base/ip.h"
#include "base/networks.h"

static void take_ip(struct source *s, struct ip ip, const char *proxies) {
    ip_unmap(&ip);
    ip_map(s->address, &ip);
    s->is_exempt = networks_have(proxies, &ip);
    s->is_loopback = ip_is_loopback(&ip);
    s->has_networks = ip.n == sizeof(struct in6_addr) && !s->is_loopback;
}

void source_of_socket(struct source *s, const struct sockaddr_storage *peer, const char *proxies) {
    struct ip ip;
    unsigned port;
    memset(s, 0, sizeof *s);
    if (ip_of_socket(&ip, &port, peer))
        take_ip(s, ip, proxies);
}

void source_of_address(struct source *s, const unsigned char address[SOURCE_ADDRESS],
                       const char *proxies) {
    struct ip ip = {.n = SOURCE_ADDRESS};
    memcpy(ip.bytes, address, SOURCE_ADDRESS);
    memset(s, 0, sizeof *s);
    take_ip(s, ip, proxies);
}

void source_print(char out[LIMIT_PEER], const struct source *s) {
    struct ip ip = {.n = SOURCE_ADDRESS};
    memcpy(ip.bytes, s->address, SOURCE_ADDRESS);
    ip_unmap(&ip);
    ip_print(out, &ip);
}

bool source_is_same(const struct source *a, const struct source *b, enum source_level level) {
    static const size_t network_bytes[SOURCE_LEVELS] = {8, 7, 6};
    if (a->has_networks != b->has_networks || (int)level >= source_levels(a))
        return false;
    return memcmp(a->address, b->address, a->has_networks ? network_bytes[level] : SOURCE_ADDRESS)
           == 0;
}

int source_levels(const struct source *s) { return s->has_networks ? SOURCE_LEVELS : 1; }
