/* confinement.h: what the front of HTTP may do, which parses the bytes of clients that nobody
 * knows. */
#ifndef HTTP_CONFINEMENT_H
#define HTTP_CONFINEMENT_H

#include <sys/types.h>

/* Becomes an account of its own where this process is root, and confines it (base/confine.h) to
 * what it has open: the connection, and the socket to the monitor. It ends with `monitor`,
 * its parent, whatever it does. Returns 0, or -1: then not a byte may be read. */
int confinement_enter(pid_t monitor);

#endif
