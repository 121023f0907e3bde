#include "wire/opening.h"

#include <string.h>

enum opening opening_of(const char *at, size_t n) {
    static const struct {
        const char *bytes;
        size_t n;
        enum opening is;
    } known[] = {
        /* the record's type, and the major version, which is 3 for ever */
        {"\x16\x03", 2, OPENING_TLS},
        {"PROXY ", 6, OPENING_PROXY},
        {"\r\n\r\n\0\r\nQUIT\n", 12, OPENING_PROXY},
        {"SSH-", 4, OPENING_SSH},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].n && memcmp(at, known[i].bytes, known[i].n) == 0)
            return known[i].is;
    return OPENING_HTTP;
}
