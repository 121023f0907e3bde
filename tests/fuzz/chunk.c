/* Any bytes as a chunked body: reading them whole and byte by byte gives the same content and the
 * same end, and what was read, coded again, reads back as itself. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096 };

/* The count of bytes used, or -1. */
static ssize_t read_body(const char *in, size_t size, size_t step, char *content, size_t *len,
                         int *ended) {
    struct chunk c = {0};
    size_t at = 0;
    *len = 0;
    *ended = 0;
    while (at < size && !chunk_ended(&c)) {
        size_t have = size - at < step ? size - at : step;
        struct slice piece;
        ssize_t used = chunk_read(&c, in + at, have, &piece);
        if (used < 0)
            return -1;
        assert(used > 0 && (size_t)used <= have && piece.n <= (size_t)used);
        memcpy(content + *len, piece.at, piece.n);
        *len += piece.n;
        at += (size_t)used;
    }
    *ended = chunk_ended(&c);
    return (ssize_t)at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char one[MOST], two[MOST], again[2 * MOST];
    size_t n, m;
    int ended, ended_too;
    if (size > MOST)
        return 0;
    ssize_t a = read_body((const char *)data, size, size + 1, one, &n, &ended);
    ssize_t b = read_body((const char *)data, size, 1, two, &m, &ended_too);
    assert(a == b);
    if (a < 0)
        return 0;
    assert(n == m && memcmp(one, two, n) == 0 && ended == ended_too);
    char line[CHUNK_HEAD];
    size_t at = 0, head = chunk_head(line, n);
    if (n > 0) {
        memcpy(again, line + CHUNK_HEAD - head, head);
        memcpy(again + head, one, n);
        memcpy(again + head + n, "\r\n", 2);
        at = head + n + 2;
    }
    memcpy(again + at, "0\r\n\r\n", 5);
    assert(read_body(again, at + 5, 7, two, &m, &ended) == (ssize_t)(at + 5));
    assert(ended && n == m && memcmp(one, two, n) == 0);
    return 0;
}
