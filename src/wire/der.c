#include "wire/der.h"

#include <string.h>

void der_bytes(struct der *d, const void *bytes, size_t n) {
    if (d->full || n > (size_t)(d->at - d->start)) {
        d->full = true;
        return;
    }
    d->at -= n;
    memcpy(d->at, bytes, n);
}

size_t der_mark(const struct der *d) { return (size_t)(d->end - d->at); }

/* A length below 128 is one byte; else 0x80 and the count of its bytes come first (X.690,
 * section 8.1.3). */
void der_wrap(struct der *d, unsigned char tag, size_t mark) {
    size_t n = der_mark(d) - mark;
    unsigned char byte, count = 0;
    if (n >= 128) {
        for (size_t rest = n; rest > 0; rest >>= 8, count++) {
            byte = (unsigned char)rest;
            der_bytes(d, &byte, 1);
        }
        byte = 0x80 | count;
    } else {
        byte = (unsigned char)n;
    }
    der_bytes(d, &byte, 1);
    der_bytes(d, &tag, 1);
}

void der_element(struct der *d, unsigned char tag, const void *bytes, size_t n) {
    size_t mark = der_mark(d);
    der_bytes(d, bytes, n);
    der_wrap(d, tag, mark);
}
