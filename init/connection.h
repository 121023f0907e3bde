/* connection.h: the connections that are being served, and how many there may be. */
#ifndef INIT_CONNECTION_H
#define INIT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CONNECTION_ADDRESS = 16 };

/* What the limit of an address counts as one: an IPv4 address (mapped into IPv6), or an IPv6
 * address without its last 64 bits, of which one client has all. */
struct connection_owner {
    unsigned char address[CONNECTION_ADDRESS];
    bool loopback;
};

struct connection {
    pid_t pid; /* its first process, which leads its session */
    int link;  /* this process's end of its link (links.h), or -1 */
    unsigned char listener;
    unsigned char address[CONNECTION_ADDRESS];
};

/* Whether there is no room for one more. */
bool connection_is_full(void);

/* Adds a connection, for which there must be room. The link is its own from now on. */
void connection_add(pid_t pid, unsigned listener, const struct connection_owner *owner, int link);

/* Removes the connection whose first process, `pid`, has ended. Returns the number of its listener,
 * or -1 when no connection had that process; *link is then its link, the caller's again, or -1. */
int connection_remove(pid_t pid, int *link);

/* Whether `pid` is the first process of a connection. */
bool connection_has(pid_t pid);

size_t connection_count(unsigned listener);
size_t connection_count_of(unsigned listener, const struct connection_owner *owner);

/* The first of all *count connections, of every listener, in no order; until the next
 * connection_add or connection_remove. */
const struct connection *connection_all(size_t *count);

#endif
