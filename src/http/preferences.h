/* preferences.h: how a client would have its answer: at once, or as JSON. */
#ifndef HTTP_PREFERENCES_H
#define HTTP_PREFERENCES_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/http1.h"

struct preferences {
    bool async;      /* Prefer: respond-async (RFC 7240, section 4.1) */
    int64_t wait_ms; /* ... and wait=N (section 4.3): that long it waits; 0: not at all */
    bool json;       /* Accept: application/json rather than text/plain */
};

/* Reads the fields Prefer and Accept. */
void preferences_read(struct preferences *w, const struct http1_head *head);

/* The same of one value of Accept, at == NULL where there is none. */
bool preferences_json(struct slice accept);

#endif
