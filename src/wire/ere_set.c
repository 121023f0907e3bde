/* ere_set.c: sets of characters in an expression: [...], and \w and its like. */
#include <stdlib.h>
#include <string.h>

#include "wire/ere_parts.h"

/* What of a class there may be beyond ASCII. */
static const struct ere_range letters[] = {{0x80, 0x10ffff}},
                              controls[] = {{0x80, 0x9f}, {0x2028, 0x2029}, {0xfff9, 0xfffb}},
                              spaces[] = {{0x85, 0x85},     {0x1680, 0x1680}, {0x2000, 0x200b},
                                          {0x2028, 0x2029}, {0x205f, 0x205f}, {0x3000, 0x3000}};

static const struct class {
    const char *name;
    uint64_t ascii[2];
    const struct ere_range *beyond;
    uint32_t n;
} classes[] = {
    {"alpha", {0, 0x07fffffe07fffffe}, letters, 1},
    {"digit", {0x03ff000000000000, 0}, NULL, 0},
    {"alnum", {0x03ff000000000000, 0x07fffffe07fffffe}, letters, 1},
    {"upper", {0, 0x0000000007fffffe}, letters, 1},
    {"lower", {0, 0x07fffffe00000000}, letters, 1},
    {"space", {0x0000000100003e00, 0}, spaces, 6},
    {"blank", {0x0000000100000200, 0}, spaces, 6},
    {"punct", {0xfc00fffe00000000, 0x78000001f8000001}, letters, 1},
    {"print", {0xffffffff00000000, 0x7fffffffffffffff}, letters, 1},
    {"graph", {0xfffffffe00000000, 0x7fffffffffffffff}, letters, 1},
    {"cntrl", {0x00000000ffffffff, 0x8000000000000000}, controls, 3},
    {"xdigit", {0x03ff000000000000, 0x0000007e0000007e}, NULL, 0},
};

/* The set in the making lies at the end of the memory in use. Its ranges follow it, each 8 bytes,
 * taken two by two. */
static struct ere_set *start_set(struct ere_reader *r, bool negated) {
    struct ere_set *s = ere_take(&r->m, sizeof *s);
    if (s != NULL)
        *s = (struct ere_set){.beyond = negated};
    return s;
}

static void add_range(struct ere_reader *r, struct ere_set *s, uint32_t from, uint32_t to) {
    for (; from <= to && from < 0x80; from++)
        s->ascii[from / 64] |= UINT64_C(1) << from % 64;
    if (from > to || (s->n % 2 == 0 && ere_take(&r->m, 2 * sizeof *s->range) == NULL))
        return;
    s->range[s->n++] = (struct ere_range){from, to};
}

static void add_class(struct ere_reader *r, struct ere_set *s, const struct class *c) {
    s->ascii[0] |= c->ascii[0];
    s->ascii[1] |= c->ascii[1];
    for (uint32_t i = 0; i < c->n && s->beyond; i++)
        add_range(r, s, c->beyond[i].from, c->beyond[i].to);
}

static int by_beginning(const void *a, const void *b) {
    uint32_t x = ((const struct ere_range *)a)->from, y = ((const struct ere_range *)b)->from;
    return (x > y) - (x < y);
}

/* The set's ranges in order, no two of which touch; of a negated one what is in it, in ASCII. As a
 * letter. */
static uint32_t finish_set(struct ere_reader *r, struct ere_set *s) {
    uint32_t n = 0;
    qsort(s->range, s->n, sizeof *s->range, by_beginning);
    for (uint32_t i = 0; i < s->n; i++) {
        if (n > 0 && s->range[i].from <= s->range[n - 1].to + 1)
            s->range[n - 1].to =
                s->range[i].to > s->range[n - 1].to ? s->range[i].to : s->range[n - 1].to;
        else
            s->range[n++] = s->range[i];
    }
    s->n = n;
    for (int i = 0; i < 2 && s->beyond; i++)
        s->ascii[i] = ~s->ascii[i];
    return ERE_SET | (uint32_t)(((char *)s - r->m.memory) / 16);
}

/* [: and what follows it, to the :] */
static bool read_class(struct ere_reader *r, struct ere_set *s) {
    const char *name = r->text.at + r->at + 2, *end = memmem(name, r->text.n - r->at - 2, ":]", 2);
    if (end == NULL)
        return ere_fault_at(r, r->at, "[: has no :]");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (slice_is((struct slice){name, (size_t)(end - name)}, classes[i].name)) {
            add_class(r, s, &classes[i]);
            r->at = (size_t)(end + 2 - r->text.at);
            return true;
        }
    return ere_fault_at(
        r, r->at,
        "there is no such class: alpha digit alnum upper lower space blank punct print "
        "graph cntrl xdigit are");
}

/* A character of a set, which [. and its like don't begin. */
static bool read_member(struct ere_reader *r, uint32_t *code) {
    if (r->at == r->text.n)
        return ere_fault_at(r, r->set, "[ has no ]: write \\[ for the character");
    if (ere_look(r, 0) == '[' && ere_is_one_of(ere_look(r, 1), ".=:"))
        return ere_fault_at(
            r, r->at,
            "[. [= and the end of a range by [: are not known here: write the character itself");
    return ere_read_character(r, code);
}

/* One member: a class, a character, or two with a - between them. */
static bool read_members(struct ere_reader *r, struct ere_set *s, bool first) {
    size_t begin = r->at;
    uint32_t from, to;
    if (ere_look(r, 0) == '[' && ere_look(r, 1) == ':') {
        if (!read_class(r, s))
            return false;
        if (ere_look(r, 0) == '-' && ere_look(r, 1) != ']')
            return ere_fault_at(r, r->at, "a class begins no range: put the - first or last");
        return true;
    }
    if (ere_look(r, 0) == '-' && !first && ere_look(r, 1) != ']' && r->at + 1 < r->text.n)
        return ere_fault_at(r, begin, "a - in the middle: put it first or last in [ ]");
    if (!read_member(r, &from))
        return false;
    to = from;
    if (ere_look(r, 0) == '-' && ere_look(r, 1) != ']' && ere_look(r, 1) != '\0') {
        r->at++;
        if (!read_member(r, &to))
            return false;
    }
    if (to < from)
        return ere_fault_at(r, begin, "a range that ends before it begins");
    add_range(r, s, from, to);
    return true;
}

bool ere_read_set(struct ere_reader *r, uint32_t *letter) {
    r->set = r->at++;
    bool negated = ere_look(r, 0) == '^';
    struct ere_set *s = start_set(r, negated);
    size_t inside = r->at += negated;
    while (!r->m.full && (ere_look(r, 0) != ']' || r->at == inside))
        if (!read_members(r, s, r->at == inside))
            return false;
    r->at++;
    if (r->m.full)
        return true;
    if (r->text.at[inside] == ':' && r->at - inside > 3 && r->text.at[r->at - 2] == ':')
        return ere_fault_at(r, r->set, "a class stands in [ ] of its own: write [[:alpha:]]");
    *letter = finish_set(r, s);
    return true;
}

uint32_t ere_short_set(struct ere_reader *r, char c) {
    struct ere_set *s = start_set(r, c == 'W' || c == 'S');
    if (s == NULL)
        return 0;
    add_class(r, s, &classes[c == 's' || c == 'S' ? 5 : 2]);
    if (c == 'w' || c == 'W')
        add_range(r, s, '_', '_');
    return finish_set(r, s);
}
