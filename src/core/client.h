/* client.h: where a client is, when proxies stand before it whose word counts: TRUSTED_PROXIES. */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/settings.h"

/* Whether `peer`, in the form of base/ucspi.h, is in TRUSTED_PROXIES. The settings have been read
 * with NEED_PROXIES, without an error. */
bool client_is_proxy(const struct settings *s, const char *peer);

/* Writes where the client is for whom a proxy at `peer` speaks, one of those in the list `proxies`
 * (base/networks.h). It has said these n addresses, the nearest first, each 16 bytes long
 * (base/ip.h, ip_map): the first that is no trusted proxy. Where all of them are, it is `peer`
 * itself; or "unknown", which no from= has, if `more` says that another entry stood before them,
 * which nobody could read. */
void client_of_forwarded(char out[LIMIT_PEER], const char *proxies, const char *peer,
                         const char *addresses, size_t n, bool more);

#endif
