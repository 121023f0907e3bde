/* Any bytes as a header of the PROXY protocol, and as X-Forwarded-For: in whatever pieces they
 * come, the same is read; no byte is asked for that is not the header's; and no address comes of
 * one that names none. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "limit.h"
#include "wire/forwarded_for.h"
#include "wire/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns how many bytes the header takes, or 0 where it is none or not whole. */
static size_t read_in_steps(struct proxy_protocol *h, const uint8_t *data, size_t size,
                            size_t step) {
    size_t n = 0, more = 0;
    for (;;) {
        uint8_t in[PROXY_PROTOCOL_LINE];
        memcpy(in, data, n < sizeof in ? n : sizeof in);
        enum proxy_protocol_result result = proxy_protocol_read(h, in, n, &more);
        if (result != PROXY_PROTOCOL_MORE)
            return result == PROXY_PROTOCOL_DONE ? n : 0;
        assert(more > 0 && n + more <= LIMIT_PROXY_HEADER);
        if (n == size)
            return 0;
        size_t take = more < step ? more : step;
        n += take < size - n ? take : size - n;
    }
}

static void check_header(const uint8_t *data, size_t size) {
    struct proxy_protocol whole, stepped;
    size_t n = read_in_steps(&whole, data, size, SIZE_MAX);
    assert(read_in_steps(&stepped, data, size, 1) == n);
    if (n == 0)
        return;
    assert(whole.has_client == stepped.has_client);
    assert(n <= size && (n >= 15 || data[0] == '\r'));
    if (!whole.has_client)
        return;
    assert(whole.client.n == stepped.client.n && (whole.client.n == 4 || whole.client.n == 16));
    assert(memcmp(whole.client.bytes, stepped.client.bytes, whole.client.n) == 0);
    assert(whole.client_port <= 65535 && whole.server_port <= 65535);
    assert(data[0] == '\r' || memcmp(data + n - 2, "\r\n", 2) == 0);
}

/* The first line is one of the field's, what follows another. */
static void check_field(const uint8_t *data, size_t size) {
    struct forwarded_for f = {.n = 0};
    const char *at = (const char *)data, *end = size > 0 ? memchr(at, '\n', size) : NULL;
    size_t first = end != NULL ? (size_t)(end - at) : size;
    if (end != NULL)
        forwarded_for_add(&f, (struct slice){end + 1, size - first - 1});
    size_t n = f.n;
    forwarded_for_add(&f, (struct slice){at, first});
    assert(f.n <= LIMIT_FORWARDED && f.n >= n);
    assert(size > 0 || (f.n == 0 && !f.more));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_header(data, size);
    check_field(data, size);
    return 0;
}
