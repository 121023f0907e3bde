#include "tool/lint_codes.h"

#include <string.h>

/* The characters at which another class begins, for one of the expressions at least. */
struct edges {
    bool full;
    size_t n;
    uint32_t beyond[LINT_CODES]; /* above 0x7f, in order */
    bool ascii[0x81];
};

static void add_edge(struct edges *e, uint32_t code) {
    size_t i = e->n;
    if (code <= 0x80) {
        e->ascii[code] = true;
        return;
    }
    while (i > 0 && e->beyond[i - 1] >= code)
        i--;
    if (i < e->n && e->beyond[i] == code)
        return;
    if (e->n == LINT_CODES) {
        e->full = true;
        return;
    }
    memmove(e->beyond + i + 1, e->beyond + i, (e->n - i) * sizeof *e->beyond);
    e->beyond[i] = code;
    e->n++;
}

/* The lower, the better to read in an example; to LINT_ASK_OTHER a - is the best. */
static int rank(uint32_t code, enum lint_question question) {
    if (code == '-' && question == LINT_ASK_OTHER)
        return -1;
    if (code >= 'a' && code <= 'z')
        return 0;
    if (code >= '0' && code <= '9')
        return 1;
    if (code >= 'A' && code <= 'Z')
        return 2;
    return code == ' ' ? 5 : code < 0x80 ? 3 : 4;
}

/* The one of an interval of ASCII that is best to read. */
static uint32_t best_of(uint32_t from, uint32_t end, enum lint_question question) {
    uint32_t best = from;
    for (uint32_t code = from; code < end; code++)
        if (rank(code, question) < rank(best, question))
            best = code;
    return best;
}

static void add_code(struct lint_codes *c, uint32_t code) {
    c->full = c->full || c->n == LINT_CODES;
    if (!c->full)
        c->code[c->n++] = code;
}

static void order_codes(struct lint_codes *c, enum lint_question question) {
    for (size_t i = 1; i < c->n; i++) {
        uint32_t code = c->code[i];
        size_t k = i;
        for (; k > 0 && rank(c->code[k - 1], question) > rank(code, question); k--)
            c->code[k] = c->code[k - 1];
        c->code[k] = code;
    }
}

/* Control characters and surrogates are left out: no request has one. */
bool lint_codes_find(struct lint_codes *c, enum lint_question question,
                     const struct ere *const *side, size_t sides) {
    /* characters that questions ask for by name, each with its end, and how many of them do */
    static const uint32_t named[] = {' ', ' ' + 1, '-', '-' + 1, 'x', 'x' + 1, '7', '7' + 1};
    size_t count = question == LINT_ASK_FREE                                   ? 8
                   : question == LINT_ASK_OPTION || question == LINT_ASK_OTHER ? 4
                                                                               : 2;
    struct edges edges = {.n = 0}, *e = &edges;
    for (size_t i = 0; i < sides; i++)
        for (uint32_t code = ere_next_class(side[i], 0); code < ERE_ANY;
             code = ere_next_class(side[i], code + 1))
            add_edge(&edges, code);
    for (size_t i = 0; i < count; i++)
        add_edge(&edges, named[i]);
    c->n = 0;
    c->full = e->full;
    for (uint32_t from = ' ', end; from < 0x7f; from = end) {
        for (end = from + 1; end < 0x7f && !e->ascii[end];)
            end++;
        add_code(c, best_of(from, end, question));
    }
    for (size_t i = 0; i <= e->n; i++) {
        uint32_t from = i == 0 ? 0x80 : e->beyond[i - 1], end = i < e->n ? e->beyond[i] : ERE_ANY;
        if (from < 0xa1 && end > 0xa1) /* those before it are not visible */
            from = 0xa1;
        if (from >= 0xd800 && from < 0xe000)
            from = 0xe000;
        if (from < end)
            add_code(c, from);
    }
    order_codes(c, question);
    return !c->full;
}
