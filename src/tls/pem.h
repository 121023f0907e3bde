/* pem.h: the objects of a PEM file (RFC 7468): text around them does not matter, nor how lines
 * end. */
#ifndef TLS_PEM_H
#define TLS_PEM_H

#include <stddef.h>

/* Reads the file and calls `take` with each object in turn: its label in capitals, and its bytes,
 * which are wiped after the call. What `take` returns is the error, NULL for none. Returns NULL, or
 * the first error with the file's name before it, good until the next call. An encrypted key is an
 * error whatever `take` would make of it. */
const char *pem_each(const char *path,
                     const char *(*take)(void *context, const char *label,
                                         const unsigned char *bytes, size_t n),
                     void *context);

#endif
