#include "wire/opening.h"

#include <stdbool.h>
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

/* Whether the n bytes could go on as one of those above does. */
static bool may_become(const char *at, size_t n, const char *whole, size_t whole_n) {
    return n < whole_n && memcmp(at, whole, n) == 0;
}

/* The registered methods are letters, all of them capitals but for a hyphen in some. */
static enum opening_choice choose_by_method(const char *at, size_t n) {
    size_t letters = 0;
    while (letters < n && ((at[letters] >= 'A' && at[letters] <= 'Z') || at[letters] == '-'))
        letters++;
    if (n > 0 && (letters == 0 || at[0] == '-' || letters >= OPENING_BYTES))
        return OPENING_IS_NONE;
    if (letters == n)
        return OPENING_OPEN;
    return at[letters] == ' ' ? OPENING_IS_HTTP : OPENING_IS_NONE;
}

enum opening_choice opening_choose(const char *at, size_t n) {
    static const char record[] = "\x16\x03", signature[] = "\r\n\r\n\0\r\nQUIT\n";
    switch (opening_of(at, n)) {
    case OPENING_SSH: return OPENING_IS_SSH;
    case OPENING_TLS: return OPENING_IS_TLS;
    case OPENING_PROXY: return OPENING_IS_PROXY;
    case OPENING_HTTP: break;
    }
    if (may_become(at, n, record, sizeof record - 1)
        || may_become(at, n, signature, sizeof signature - 1))
        return OPENING_OPEN;
    return choose_by_method(at, n);
}
