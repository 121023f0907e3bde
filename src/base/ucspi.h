/* ucspi.h: what a superserver tells of the connection: tcpserver's and ipsvd's variables (UCSPI),
 * busybox's, systemd's; else what the socket says. */
#ifndef BASE_UCSPI_H
#define BASE_UCSPI_H

#include <stdbool.h>
#include <stddef.h>

#include "limit.h"

/* Writes the peer's address in its canonical form, an IPv4 address mapped into IPv6 as IPv4;
 * "local" for a local socket, "unknown" for anything else. From TCPREMOTEIP, TCPREMOTEADDR or
 * REMOTE_ADDR of `environment`, in this order, or from getpeername(2) of `fd`. */
void ucspi_peer(char out[LIMIT_PEER], char *const *environment, int fd);

/* Writes the proxies that have passed the connection on, the nearest first, with commas between
 * them: those that `bastion proxy` has named in BASTION_VIA of `environment`, or nothing. */
void ucspi_via(char out[LIMIT_VIA], char *const *environment);

/* Writes `nearest`, which is one more of them, and behind it the others, as far as there is
 * room. */
void ucspi_add_via(char out[LIMIT_VIA], const char *nearest, const char *others);

/* Writes `text`, an address with or without port, brackets and zone, in that canonical form. False
 * when it is none. */
bool ucspi_address(char out[LIMIT_PEER], const char *text);

/* Whether an address in that form is this machine's own loopback. */
bool ucspi_is_loopback(const char *peer);

/* Whether n bytes at `name` are a variable that a superserver sets for a connection. Some are the
 * client's words (TCPREMOTEHOST is whatever the owner of the address put into the DNS): no command
 * may see them. */
bool ucspi_owns(const char *name, size_t n);

#endif
