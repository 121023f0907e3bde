/* reader.h: the process that reads the header of the PROXY protocol: a child, confined before the
 * first byte, which can do nothing but say what stands there. Whoever started it, often root, and
 * is to execute the program, reads no byte of the network. */
#ifndef PROXY_READER_H
#define PROXY_READER_H

#include "wire/proxy_protocol.h"

enum reader_end {
    READER_HEADER, /* there was one; the next byte is the client's */
    READER_NOBODY, /* the connection has ended without a byte of the client's */
    READER_CUT,    /* it has ended within the header */
    READER_LATE,   /* no whole header within LIMIT_PROXY_MS */
    READER_BAD,    /* something else came */
    READER_ENDS
};

struct reader_answer {
    enum reader_end end;
    struct proxy_protocol header; /* of READER_HEADER */
};

/* Reads the header from the connection `fd`, no byte more; the proxy is at `peer` (base/ucspi.h).
 * Returns 0, or -1: the process could not
 * be made, or has failed, and errno says why as far as anybody knows. */
int reader_run(struct reader_answer *answer, int fd, const char *peer);

#endif
