/* Any bytes in the log, as a form, as a list of a field and as a Basic credential: quoted text is
 * one line of printable ASCII that ends where it should, and base64 that is accepted has no second
 * spelling. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/base64.h"
#include "wire/field_list.h"
#include "wire/form.h"
#include "wire/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_quoted(const char *s, size_t n, int json) {
    assert(n >= 2 && s[0] == '"' && s[n - 1] == '"');
    for (size_t i = 1; i < n - 1; i++) {
        assert(s[i] >= 0x20 && s[i] <= 0x7e && s[i] != '"');
        if (s[i] != '\\')
            continue;
        assert(++i < n - 1);
        assert(strchr(json ? "\"\\nrtu" : "\"\\nrtx", s[i]) != NULL);
        for (int k = s[i] == 'u' ? 4 : s[i] == 'x' ? 2 : 0; k > 0; k--)
            assert(++i < n - 1 && strchr("0123456789abcdef", s[i]) != NULL);
    }
}

static void check_base64(const char *in, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char out[4096];
    ssize_t len = base64_decode(out, sizeof out, in, n);
    if (len < 0)
        return;
    for (size_t i = 0, k = 0; i < (size_t)len; i += 3, k += 4) {
        size_t left = (size_t)len - i;
        unsigned bits = (unsigned)out[i] << 16 | (left > 1 ? (unsigned)out[i + 1] << 8 : 0)
                        | (left > 2 ? out[i + 2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                        left > 1 ? digits[bits >> 6 & 63] : '=',
                        left > 2 ? digits[bits & 63] : '='};
        assert(k + 4 <= n && memcmp(in + k, four, 4) == 0);
    }
}

/* Elements are parts of the list, one behind the other; two lists in one field are one list. */
static void check_list(struct slice list) {
    struct slice element, value = {NULL, 0}, rest = list;
    struct media_quality q = MEDIA_QUALITY_NONE;
    const char *at = list.at;
    while (field_list_next(&rest, &element)) {
        assert(element.n > 0 && element.at >= at && element.at + element.n <= list.at + list.n);
        at = element.at + element.n;
    }
    assert(rest.n == 0);
    media_quality_read(&q, list, "application/json");
    assert(q.quality >= -1 && q.quality <= 1000 && (q.quality >= 0) == (q.exactness > 0));
    if (field_prefers(list, "wait", &value))
        assert(value.n <= list.n && value.at >= list.at && value.at + value.n <= list.at + list.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char out[4096];
    const char *in = (const char *)data;
    size_t cap = size > 0 ? 32 + (size_t)data[0] * 8 : 100;
    struct buf b = BUF_ON(out);
    quote_text(&b, in, size, cap);
    assert(!b.full && b.len <= cap + 5);
    check_quoted(out, b.len, 0);
    b = BUF_ON(out);
    quote_json(&b, in, size, cap);
    assert(!b.full);
    check_quoted(out, b.len, 1);
    check_base64(in, size);
    check_list((struct slice){in, size});
    ptrdiff_t n = form_value((struct slice){in, size}, "command", out, sizeof out);
    assert(n <= (ptrdiff_t)size - 8 || n == -1);
    return 0;
}
