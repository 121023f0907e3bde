/* front_confinement.h: what the front of a connection may do, which parses the bytes of clients
 * that nobody knows, or passes them on. */
#ifndef CORE_FRONT_CONFINEMENT_H
#define CORE_FRONT_CONFINEMENT_H

#include <stdbool.h>

/* Confines this process (base/confine.h) to what it has open: the connection, and the socket to the
 * monitor. With `ends_as_command` it can end by a signal, as a login shell does when its command
 * has. Returns 0, or -1 with errno: then not a byte may be read. */
int front_confine(bool ends_as_command);

#endif
