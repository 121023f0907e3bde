/* deliveries.h: which deliveries of webhooks have run with success, or are running: a file in
 * RUN_DIR with a place for each, so that the same one never runs twice.
 *
 * Whoever looks into the file has flock(2) on it for that moment. A delivery that is running has
 * besides a lock of the open file (fcntl(2), F_OFD_SETLK) on a byte of its place, which the kernel
 * takes away with the process: what a process has left behind that was killed counts as never
 * begun. When all places are taken the oldest is forgotten. */
#ifndef CORE_DELIVERIES_H
#define CORE_DELIVERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/sha256.h"

struct delivery {
    int fd;       /* open while the delivery is running here; else -1 */
    size_t place; /* in the file */
};

enum delivery_state {
    DELIVERY_NEW,     /* it is running from now on, here */
    DELIVERY_RUNNING, /* in another process */
    DELIVERY_DONE,    /* it has run with success */
    DELIVERY_ERROR    /* the file can't be used; errno says why */
};

/* Begins the delivery with that name, a digest of all that tells it from others, in the open
 * directory RUN_DIR. After DELIVERY_NEW deliveries_end must follow. */
enum delivery_state deliveries_begin(struct delivery *d, int directory,
                                     const unsigned char name[SHA256_SIZE]);

/* It has ended: with success, or it may run again. */
void deliveries_end(struct delivery *d, bool success);

#endif
