/* chunk.h: the chunked transfer coding (RFC 9112, section 7.1), both ways. */
#ifndef WIRE_CHUNK_H
#define WIRE_CHUNK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/slice.h"

/* A zeroed struct starts. */
struct chunk {
    int state;
    uint64_t left;     /* bytes of the chunk that are still to come */
    unsigned digits;   /* of its size, so far */
    size_t extensions; /* bytes of them, in the whole body */
    size_t trailers;   /* bytes of the trailer section */
    size_t line;       /* bytes of the trailer line under way */
    bool named;        /* that line has its colon */
};

/* Reads some of the n bytes. Returns how many were used up, or -1 when they are no chunked body;
 * *data is set to the piece of content among them (in place, n = 0 for none). Call again while
 * bytes are left and chunk_ended is false: bytes behind the end are never touched. */
ssize_t chunk_read(struct chunk *c, const char *in, size_t n, struct slice *data);

/* Whether the last chunk and the trailer section are through. */
bool chunk_ended(const struct chunk *c);

#define CHUNK_HEAD 18 /* 16 digits, CR, LF */
/* Writes the line before n > 0 bytes of content into the end of `out`; returns its length. CRLF
 * follows the content. */
size_t chunk_head(char out[CHUNK_HEAD], size_t n);

#endif
