/* Any bytes as a request: reading them in one piece and in small ones must say the same, what is
 * accepted must hold no bare CR or LF, and a framing that is accepted must be one of a kind. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http1_head whole, stepped;
    const char *in = (const char *)data;
    int a = 0, b = 0;
    http1_start(&whole);
    http1_start(&stepped);
    if (size > 0)
        a = http1_read_head(&whole, in, size);
    /* Byte by byte; of a long one so many pieces, since each reading looks at its line anew. */
    size_t step = 1 + size / 2000;
    for (size_t n = 0; n < size && b == 0;) {
        n = n + step < size ? n + step : size;
        b = http1_read_head(&stepped, in, n);
    }
    assert(a == b);
    assert(a == 0 || a == 200 || a == 400 || a == 414 || a == 431 || a == 505);
    if (a != 200)
        return 0;
    size_t n = whole.scanned;
    assert(n == stepped.scanned && n <= size && n >= 4 && memcmp(in + n - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < n; i++) {
        assert(in[i] != '\0');
        assert((in[i] == '\n') == (i > 0 && in[i - 1] == '\r'));
    }
    for (size_t i = 0; i < whole.fields; i++)
        assert(http1_is_token(whole.name[i]) && http1_is_value(whole.value[i]));
    struct http1_framing f;
    int status = http1_read_framing(&whole, &f);
    assert(status == 0 || status == 400 || status == 417);
    struct slice v;
    if (status == 0) {
        assert(!(f.chunked && f.length > 0) && f.path.at >= in && f.path.at + f.path.n <= in + n);
        assert(http1_find(&whole, "content-length", &v)
                   + http1_find(&whole, "transfer-encoding", &v)
               <= 1);
        assert(http1_find(&whole, "host", &v) <= 1);
    }
    return 0;
}
