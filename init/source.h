/* source.h: where a connection comes from: its client's address, and the networks around it. */
#ifndef INIT_SOURCE_H
#define INIT_SOURCE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "limit.h"

enum { SOURCE_ADDRESS = 16 };

struct source {
    unsigned char address[SOURCE_ADDRESS]; /* of IPv6, or of IPv4 mapped into it */
    bool has_networks;                     /* of IPv6, and not the loopback address */
    bool is_loopback;
    /* a trusted proxy: many clients' connections come from there, and nothing is counted or owed by
     * that address */
    bool is_exempt;
};

/* What is counted as one. An IPv4 address is one client. Of IPv6 one client has a network of 64
 * bits, whoever has a connection often one of 56, and everybody can have one of 48 for nothing. */
enum source_level { SOURCE_CLIENT, SOURCE_SITE, SOURCE_WIDE, SOURCE_LEVELS };

/* Takes it out of a socket's address; all zero where that is of neither family. `proxies` is
 * TRUSTED_PROXIES, or NULL. */
void source_of_socket(struct source *s, const struct sockaddr_storage *peer, const char *proxies);

/* The same of an address of IPv6, or of IPv4 mapped into it. */
void source_of_address(struct source *s, const unsigned char address[SOURCE_ADDRESS],
                       const char *proxies);

/* Writes the address, for the log. */
void source_print(char out[LIMIT_PEER], const struct source *s);

/* Whether both are the same client, or in the same network of that level. */
bool source_is_same(const struct source *a, const struct source *b, enum source_level level);

/* How many levels there are for it. */
int source_levels(const struct source *s);

#endif
