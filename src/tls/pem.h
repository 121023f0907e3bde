/* pem.h: the objects of a PEM file (RFC 7468): text around them does not matter, nor how lines
 * end. */
#ifndef TLS_PEM_H
#define TLS_PEM_H

#include <stddef.h>

#include "limit.h"

/* Bytes of an error that names one or two files. */
enum { PEM_ERROR = 2 * LIMIT_PATH + 128 };

/* Reads the file and calls `take` with each object in turn: its label in capitals, and its bytes,
 * which are wiped after the call. What `take` returns is the error, NULL for none. Returns NULL, or
 * the first error, written into `text` with the file's name before it. An encrypted key is an error
 * whatever `take` would make of it. */
const char *pem_each(char text[PEM_ERROR], const char *path,
                     const char *(*take)(void *context, const char *label,
                                         const unsigned char *bytes, size_t n),
                     void *context);

#endif
