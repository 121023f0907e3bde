/* Any bytes as an extended regular expression and, behind the first NUL, a text: read from either
 * end it is matched or not, its longest match from the beginning is the whole exactly if it is, and
 * characters of one class are one to the expression; what is matched has the expression's prefix.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/ere.h"
#include "wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ere_run run;

static bool match_backwards(const struct ere *e, struct slice text) {
    uint32_t code;
    ere_start(e, &run);
    for (size_t end = text.n, at = end; at > 0; end = at) {
        do
            at--;
        while (((unsigned char)text.at[at] & 0xc0) == 0x80);
        assert(utf8_read(text.at + at, end - at, &code) == end - at);
        ere_step(e, &run, code, end == text.n ? ERE_BEGINNING : ERE_INSIDE);
    }
    return text.n == 0 ? e->empty : ere_accepts(e, &run, true);
}

/* The same with each character of ASCII put in the place of another of its class. */
static bool match_classes(const struct ere *e, struct slice text, uint8_t chance) {
    static char other[2000];
    unsigned class[0x80];
    for (unsigned c = 0, edge = ere_next_class(e, 0), number = 0; c < 0x80; c++) {
        if (c == edge) {
            number++;
            edge = ere_next_class(e, c + 1);
        }
        class[c] = number;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i], d = (c + chance) % 0x80;
        other[i] = text.at[i];
        if (c < 0x80 && class[c] == class[d])
            other[i] = (char)d;
    }
    return ere_match(e, (struct slice){other, text.n}, &run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static _Alignas(16) char memory[ERE_MEMORY], more_memory[ERE_MEMORY];
    static unsigned char starts[250];
    static struct ere_work work;
    static struct ere_fault fault;
    struct ere e, backwards;
    const char *in = (const char *)data, *nul = size > 0 ? memchr(in, '\0', size) : NULL;
    if (nul == NULL)
        return 0;
    struct slice rule = {in, (size_t)(nul - in)}, text = {nul + 1, size - rule.n - 1};
    if (rule.n > 4000 || text.n > 2000
        || ere_compile(&e, rule, false, memory, sizeof memory, &work, &fault) != ERE_GOOD)
        return 0;
    bool matches = ere_match(&e, text, &run);
    if (!utf8_is_valid(text.at, text.n)) {
        assert(!matches);
        return 0;
    }
    struct slice prefix = ere_prefix(rule);
    assert(!matches || (prefix.n <= text.n && memcmp(text.at, prefix.at, prefix.n) == 0));
    assert(ere_compile(&backwards, rule, true, more_memory, sizeof more_memory, &work, &fault)
           == ERE_GOOD);
    assert(match_backwards(&backwards, text) == matches);
    assert(match_classes(&e, text, data[0]) == matches);
    if (text.n > 0) {
        size_t longest = ere_longest(&e, text, 0, &run);
        assert((longest == text.n) == matches);
        ere_mark_starts(&backwards, text, &run, starts);
        assert((starts[0] & 1) == (longest > 0));
    }
    return 0;
}
