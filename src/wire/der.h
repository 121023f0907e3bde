/* der.h: DER (X.690), written from the end of a buffer to its front, so that a length is known when
 * it is written. Pure. */
#ifndef WIRE_DER_H
#define WIRE_DER_H

#include <stdbool.h>
#include <stddef.h>

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_UTF8 = 0x0c,
    DER_UTC_TIME = 0x17,
    DER_GENERAL_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31
};

/* What has been written stands at [at, end). Once something did not fit it is `full`. */
struct der {
    unsigned char *start, *at, *end;
    bool full;
};

#define DER_ON(array)                                                                              \
    ((struct der){.start = (array), .at = (array) + sizeof(array), .end = (array) + sizeof(array)})

/* Puts n bytes before what has been written. */
void der_bytes(struct der *d, const void *bytes, size_t n);

/* A place to wrap from: what has been written so far does not belong to the value. */
size_t der_mark(const struct der *d);

/* Makes everything written since the mark the value of one element. */
void der_wrap(struct der *d, unsigned char tag, size_t mark);

/* One element whose value is these n bytes. */
void der_element(struct der *d, unsigned char tag, const void *bytes, size_t n);

#endif
