#include <string.h>

#include "wire/ere.h"
#include "wire/utf8.h"

/* ---- does a letter stand for a character? ---- */

static const struct ere_set *set_of(const struct ere *e, uint32_t letter) {
    return (const struct ere_set *)(const void *)(e->memory + (size_t)(letter & ~ERE_SET) * 16);
}

static bool set_has(const struct ere_set *s, uint32_t code) {
    if (code < 0x80)
        return (s->ascii[code / 64] >> code % 64 & 1) != 0;
    uint32_t low = 0, high = s->n;
    while (low < high) { /* the first range that does not end before it */
        uint32_t middle = (low + high) / 2;
        if (s->range[middle].to < code)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < s->n && s->range[low].from <= code;
    return found != s->beyond;
}

static bool letter_has(const struct ere *e, uint32_t letter, uint32_t code) {
    return letter == code || letter == ERE_ANY
           || ((letter & ERE_SET) != 0 && set_has(set_of(e, letter), code));
}

/* Those of the letters that stand for the character. */
static uint64_t try_letters(const struct ere *e, const struct ere_block *b, uint64_t letters,
                            uint32_t code) {
    uint64_t found = 0;
    for (; letters != 0; letters &= letters - 1) {
        unsigned i = (unsigned)__builtin_ctzll(letters);
        found |= letter_has(e, b->letter[i], code) ? UINT64_C(1) << i : 0;
    }
    return found;
}

/* The same of any letters of the block: once they have been found for a character they are known.
 */
static uint64_t known_letters(const struct ere *e, struct ere_run *run, const struct ere_block *b,
                              uint32_t code, uint64_t all) {
    struct ere_column *c = &run->column[b->index];
    size_t i = code % ERE_COLUMNS;
    if (!run->warm[b->index]) {
        memset(c->code, 0xff, sizeof c->code);
        run->warm[b->index] = true;
    }
    if (c->code[i] != code) {
        c->code[i] = code;
        c->letters[i] = try_letters(e, b, all, code);
    }
    return c->letters[i];
}

static uint64_t letters_with(const struct ere *e, struct ere_run *run, const struct ere_block *b,
                             uint64_t letters, uint32_t code) {
    enum { FEW = 4 };
    letters &= ~b->blocks;
    if (__builtin_popcountll(letters) <= FEW)
        return try_letters(e, b, letters, code);
    return letters & known_letters(e, run, b, code, ~b->blocks & (UINT64_MAX >> (64 - b->n)));
}

/* ---- a step ---- */

static uint64_t followers(const struct ere_block *b, uint64_t letters) {
    uint64_t found = (letters & b->step) << 1 | (letters & b->stay);
    const uint64_t(*table)[16] = b->follow;
    for (unsigned left = b->fours; left != 0; left &= left - 1)
        found |= (*table++)[letters >> 4 * __builtin_ctz(left) & 15];
    return found;
}

void ere_start(const struct ere *e, struct ere_run *run) {
    memset(run->now, 0, e->nodes * sizeof *run->now);
    memset(run->warm, 0, e->nodes * sizeof *run->warm);
}

/* Makes `next` what `now` is, with the letters too that stand for a block which may end here. */
static void end_blocks(const struct ere *e, struct ere_run *run, bool at_end) {
    memcpy(run->next, run->now, e->nodes * sizeof *run->now);
    for (uint32_t i = e->nodes - 1; i > 0; i--)
        if ((run->next[i] & e->node[i].block->last[at_end]) != 0)
            run->next[e->node[i].parent] |= UINT64_C(1) << e->node[i].letter;
}

bool ere_step(const struct ere *e, struct ere_run *run, uint32_t code, enum ere_enter enter) {
    bool alive = false;
    end_blocks(e, run, false);
    for (uint32_t i = 0; i < e->nodes; i++) {
        const struct ere_node *node = &e->node[i];
        bool entered =
            i == 0 ? enter != ERE_INSIDE : (run->next[node->parent] >> node->letter & 1) != 0;
        uint64_t next = entered ? node->block->first[enter == ERE_BEGINNING] : 0;
        if (run->next[i] != 0)
            next |= followers(node->block, run->next[i]);
        run->next[i] = next;
        run->now[i] = next != 0 ? letters_with(e, run, node->block, next, code) : 0;
        alive = alive || run->now[i] != 0;
    }
    return alive;
}

bool ere_accepts(const struct ere *e, struct ere_run *run, bool at_end) {
    end_blocks(e, run, at_end);
    return (run->next[0] & e->node[0].block->last[at_end]) != 0;
}

/* ---- texts ---- */

bool ere_match(const struct ere *e, struct slice text, struct ere_run *run) {
    uint32_t code;
    size_t at = 0;
    if (text.n == 0)
        return e->empty;
    ere_start(e, run);
    for (size_t length; at < text.n; at += length) {
        length = utf8_read(text.at + at, text.n - at, &code);
        if (length == 0 || !ere_step(e, run, code, at == 0 ? ERE_BEGINNING : ERE_INSIDE))
            return false;
    }
    return ere_accepts(e, run, true);
}

size_t ere_longest(const struct ere *e, struct slice text, size_t at, struct ere_run *run) {
    uint32_t code;
    size_t end = at, longest = 0;
    bool alive = true;
    ere_start(e, run);
    while (alive && end < text.n) {
        enum ere_enter enter = end > at ? ERE_INSIDE : at > 0 ? ERE_ANYWHERE : ERE_BEGINNING;
        size_t length = utf8_read(text.at + end, text.n - end, &code);
        if (length == 0)
            break;
        alive = ere_step(e, run, code, enter);
        end += length;
        if (alive && ere_accepts(e, run, end == text.n))
            longest = end - at;
    }
    return longest;
}

void ere_mark_starts(const struct ere *backwards, struct slice text, struct ere_run *run,
                     unsigned char *starts) {
    uint32_t code;
    memset(starts, 0, (text.n + 7) / 8);
    ere_start(backwards, run);
    for (size_t end = text.n, at = end; at > 0; end = at) {
        do
            at--;
        while (at > 0 && ((unsigned char)text.at[at] & 0xc0) == 0x80);
        if (utf8_read(text.at + at, end - at, &code) == 0)
            return;
        ere_step(backwards, run, code, end == text.n ? ERE_BEGINNING : ERE_ANYWHERE);
        if (ere_accepts(backwards, run, at == 0))
            starts[at / 8] |= (unsigned char)(1 << at % 8);
    }
}

/* ---- classes of characters ---- */

static void note(uint32_t *least, uint32_t from, uint32_t edge) {
    *least = edge >= from && edge < *least ? edge : *least;
}

static void note_letter(const struct ere *e, uint32_t letter, uint32_t from, uint32_t *least) {
    if ((letter & ERE_SET) == 0) { /* ERE_ANY and a block are beyond all characters */
        note(least, from, letter);
        note(least, from, letter + 1);
    } else {
        const struct ere_set *s = set_of(e, letter);
        for (uint32_t code = from > 0 ? from : 1; code <= 0x80; code++)
            if (set_has(s, code) != set_has(s, code - 1))
                note(least, from, code);
        for (uint32_t i = 0; i < s->n; i++) {
            note(least, from, s->range[i].from);
            note(least, from, s->range[i].to + 1);
        }
    }
}

uint32_t ere_next_class(const struct ere *e, uint32_t code) {
    bool seen[ERE_NODES] = {false};
    uint32_t least = ERE_ANY;
    for (uint32_t i = 0; i < e->nodes; i++) {
        const struct ere_block *b = e->node[i].block;
        for (uint32_t k = 0; k < b->n && !seen[b->index]; k++)
            note_letter(e, b->letter[k], code, &least);
        seen[b->index] = true;
    }
    return least;
}
