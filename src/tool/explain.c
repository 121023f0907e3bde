#include "tool/explain.h"

#include <string.h>

#include "base/pages.h"
#include "core/matcher.h"
#include "wire/utf8.h"

static struct explain explain_rule(const struct ere *e, struct slice request) {
    struct explain x = {0};
    uint32_t code;
    ere_start(e, matcher_run());
    while (x.bytes < request.n) {
        size_t n = utf8_read(request.at + x.bytes, request.n - x.bytes, &code);
        if (n == 0 || !ere_step(e, matcher_run(), code, x.bytes == 0 ? ERE_BEGINNING : ERE_INSIDE))
            return x;
        x.bytes += n;
        x.characters++;
    }
    x.ended = true;
    return x;
}

static size_t insert(struct explain *found, size_t count, const struct explain *x) {
    size_t at = count;
    while (at > 0 && found[at - 1].characters < x->characters)
        at--;
    if (at == EXPLAIN_MOST)
        return count;
    if (count == EXPLAIN_MOST)
        count--;
    memmove(found + at + 1, found + at, (count - at) * sizeof *found);
    found[at] = *x;
    return count + 1;
}

size_t explain_request(const struct rules *r, struct slice request,
                       struct explain found[EXPLAIN_MOST]) {
    static char *memory;
    struct ere_fault error;
    struct ere e;
    size_t count = 0;
    if (memory == NULL && (memory = pages_take(ERE_MEMORY)) == NULL)
        return 0;
    for (size_t i = 0; i < r->count; i++) {
        struct slice text = {r->rule[i].text, strlen(r->rule[i].text)};
        if (ere_compile(&e, text, false, memory, ERE_MEMORY, matcher_work(), &error) != ERE_GOOD)
            continue;
        struct explain x = explain_rule(&e, request);
        x.rule = i;
        if (x.characters > 0)
            count = insert(found, count, &x);
    }
    return count;
}
