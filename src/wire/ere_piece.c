#include "wire/ere_piece.h"

#include <string.h>

enum { LETTERS = 64, ALWAYS = 15 };

void *ere_take(struct ere_maker *m, size_t n) {
    size_t need = (n + 15) & ~(size_t)15;
    if (m->size - m->used < need) {
        m->full = true;
        return NULL;
    }
    m->used += need;
    return m->memory + m->used - need;
}

struct ere_piece ere_piece_nothing(const struct ere_maker *m, unsigned empty) {
    return (struct ere_piece){.base = m->pending, .empty = empty};
}

struct ere_piece ere_piece_letter(struct ere_maker *m, uint32_t letter) {
    m->work->letter[m->pending] = letter;
    m->work->follow[m->pending] = 0;
    return (struct ere_piece){
        .first = {1, 1}, .last = {1, 1}, .positions = 1, .base = m->pending++, .n = 1};
}

/* ---- blocks ---- */

/* What follows each set of four letters. */
static void fill_follow(uint64_t table[16], const uint64_t *follow, size_t n) {
    table[0] = 0;
    for (unsigned set = 1; set < 16; set++) {
        unsigned least = (unsigned)__builtin_ctz(set);
        table[set] = table[set & (set - 1)] | (least < n ? follow[least] : 0);
    }
}

static void fill_block(struct ere_maker *m, struct ere_block *b, const uint64_t *follow,
                       uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint64_t self = UINT64_C(1) << i;
        b->stay |= follow[i] & self;
        b->step |= follow[i] >> 1 & self;
        if ((follow[i] & ~(self | self << 1)) != 0)
            b->fours |= (uint16_t)(1u << i / 4);
        if ((b->letter[i] & ERE_BLOCK) != 0)
            b->blocks |= self;
    }
    uint64_t(*table)[16] = ere_take(m, sizeof *table * (size_t)__builtin_popcount(b->fours));
    b->follow = (const uint64_t(*)[16])table;
    for (unsigned left = b->fours; left != 0 && table != NULL; left &= left - 1) {
        uint32_t four = (uint32_t)__builtin_ctz(left) * 4;
        fill_follow(*table++, follow + four, n - four);
    }
}

static struct ere_block *make_block(struct ere_maker *m, const struct ere_piece *p) {
    struct ere_block *b = ere_take(m, sizeof *b);
    uint32_t *letter = ere_take(m, p->n * sizeof *letter);
    if (m->full)
        return NULL;
    memcpy(letter, m->work->letter + p->base, p->n * sizeof *letter);
    *b = (struct ere_block){{p->first[0], p->first[1]},
                            {p->last[0], p->last[1]},
                            .letter = letter,
                            .n = (uint16_t)p->n,
                            .index = (uint16_t)m->blocks++};
    fill_block(m, b, m->work->follow + p->base, p->n);
    return b;
}

/* Puts one letter in the place of a piece; `above` is the piece that lies behind it, or NULL. */
static void close_piece(struct ere_maker *m, struct ere_piece *p, struct ere_piece *above) {
    struct ere_block *b = make_block(m, p);
    if (b == NULL)
        return;
    m->work->letter[p->base] = ERE_BLOCK | (uint32_t)(((char *)b - m->memory) / 16);
    m->work->follow[p->base] = 0;
    for (int k = 0; k < 2; k++) {
        p->first[k] = p->first[k] != 0;
        p->last[k] = p->last[k] != 0;
    }
    p->n = 1;
    if (above != NULL) {
        memmove(m->work->letter + p->base + 1, m->work->letter + above->base,
                above->n * sizeof *m->work->letter);
        memmove(m->work->follow + p->base + 1, m->work->follow + above->base,
                above->n * sizeof *m->work->follow);
        above->base = p->base + 1;
    }
    m->pending = above != NULL ? above->base + above->n : p->base + 1;
}

/* ---- two pieces ---- */

/* Makes one row of letters of the two: those of b are counted on from those of a. False if there
 * are too many. */
static bool join(struct ere_maker *m, struct ere_piece *a, struct ere_piece *b) {
    if (a->positions + b->positions > LIMIT_ERE_POSITIONS)
        m->positions = a->positions + b->positions;
    while (a->n + b->n > LETTERS && !m->full) {
        if (a->n >= b->n)
            close_piece(m, a, b);
        else
            close_piece(m, b, NULL);
    }
    if (m->full || m->positions > 0)
        return false;
    if (b->n > 0) {
        for (uint32_t i = 0; i < b->n; i++)
            m->work->follow[b->base + i] <<= a->n;
        for (int k = 0; k < 2; k++) {
            b->first[k] <<= a->n;
            b->last[k] <<= a->n;
        }
    }
    return true;
}

static void link_letters(struct ere_maker *m, uint32_t base, uint64_t from, uint64_t to) {
    for (; from != 0; from &= from - 1)
        m->work->follow[base + (uint32_t)__builtin_ctzll(from)] |= to;
}

void ere_piece_append(struct ere_maker *m, struct ere_piece *a, uint32_t letter) {
    uint64_t self = UINT64_C(1) << a->n;
    m->work->letter[m->pending] = letter;
    m->work->follow[m->pending++] = 0;
    link_letters(m, a->base, a->last[0], self);
    for (int k = 0; k < 2; k++) {
        a->first[k] |= (a->empty >> k & 1) != 0 ? self : 0;
        a->last[k] = self;
    }
    a->empty = 0;
    a->n++;
    a->positions++;
}

void ere_piece_both(struct ere_maker *m, struct ere_piece *a, struct ere_piece *b, bool backwards) {
    if (!join(m, a, b))
        return;
    struct ere_piece x = backwards ? *b : *a, y = backwards ? *a : *b;
    link_letters(m, a->base, x.last[0], y.first[0]);
    for (int k = 0; k < 2; k++) {
        a->first[k] = x.first[k] | ((x.empty >> k & 1) != 0 ? y.first[k] : 0);
        a->last[k] = y.last[k] | ((y.empty >> 2 * k & 1) != 0 ? x.last[k] : 0);
    }
    a->empty = x.empty & y.empty;
    a->n += b->n;
    a->positions += b->positions;
}

void ere_piece_either(struct ere_maker *m, struct ere_piece *a, struct ere_piece *b) {
    if (!join(m, a, b))
        return;
    for (int k = 0; k < 2; k++) {
        a->first[k] |= b->first[k];
        a->last[k] |= b->last[k];
    }
    a->empty |= b->empty;
    a->n += b->n;
    a->positions += b->positions;
}

/* ---- repetition ---- */

/* The letters of a piece, to be put down again. */
struct copy {
    struct ere_piece piece;
    uint32_t letter[LETTERS];
    uint64_t follow[LETTERS];
};

static struct ere_piece put_copy(struct ere_maker *m, const struct copy *c) {
    struct ere_piece p = c->piece;
    p.base = m->pending;
    m->pending += p.n;
    memcpy(m->work->letter + p.base, c->letter, p.n * sizeof *c->letter);
    memcpy(m->work->follow + p.base, c->follow, p.n * sizeof *c->follow);
    return p;
}

/* From `least` to `most` copies, which are one piece; the last of them without end if it is
 * `endless`. Whoever has enough of them leaves at once, past those that are left. */
static struct ere_piece put_copies(struct ere_maker *m, const struct copy *c, unsigned least,
                                   unsigned most, bool endless) {
    struct ere_piece all = ere_piece_nothing(m, ALWAYS);
    uint64_t leave[2] = {0, 0};
    for (unsigned i = 0; i < most; i++) {
        struct ere_piece next = put_copy(m, c);
        if (endless && i + 1 == most)
            link_letters(m, next.base, next.last[0], next.first[0]);
        for (int k = 0; k < 2 && i >= least; k++)
            leave[k] |= all.last[k];
        ere_piece_both(m, &all, &next, false);
    }
    for (int k = 0; k < 2; k++)
        all.last[k] |= leave[k];
    all.empty = least == 0 ? ALWAYS : all.empty;
    return all;
}

void ere_piece_repeat(struct ere_maker *m, struct ere_piece *a, unsigned least, unsigned most) {
    bool endless = most == ERE_UNBOUNDED;
    unsigned left = !endless ? most : least > 0 ? least : 1;
    if (a->positions * left > LIMIT_ERE_POSITIONS)
        m->positions = a->positions * left;
    if ((a->empty & 1) != 0) { /* then it is as good to leave some out */
        a->empty = 0;
        least = 0;
    }
    if (a->n * left > LETTERS && a->n > LETTERS / 2)
        close_piece(m, a, NULL);
    if (m->full || m->positions > 0)
        return;
    if (a->n == 0 || left == 1) {
        if (endless)
            link_letters(m, a->base, a->last[0], a->first[0]);
        a->empty = least == 0 ? ALWAYS : a->empty;
        return;
    }
    struct copy c;
    c.piece = *a;
    memcpy(c.letter, m->work->letter + a->base, a->n * sizeof *c.letter);
    memcpy(c.follow, m->work->follow + a->base, a->n * sizeof *c.follow);
    m->pending = a->base;
    *a = ere_piece_nothing(m, ALWAYS);
    while (left > 0 && !m->full) {
        unsigned room = LETTERS / c.piece.n, some = left < room ? left : room,
                 needed = least < some ? least : some;
        struct ere_piece run = put_copies(m, &c, needed, some, endless && some == left);
        ere_piece_both(m, a, &run, false);
        left -= some;
        least -= needed;
    }
}

/* ---- the whole ---- */

void ere_piece_finish(struct ere_maker *m, struct ere_piece *whole, struct ere *e) {
    const struct ere_block *outermost = make_block(m, whole);
    struct ere_node *node = ere_take(m, sizeof *node), *more = node;
    if (m->full)
        return;
    size_t nodes = 1;
    node[0] = (struct ere_node){.block = outermost};
    for (size_t i = 0; i < nodes; i++)
        for (uint64_t left = node[i].block->blocks; left != 0; left &= left - 1) {
            uint16_t letter = (uint16_t)__builtin_ctzll(left);
            uint32_t place = node[i].block->letter[letter] & ~ERE_BLOCK;
            if ((more = ere_take(m, sizeof *node)) == NULL)
                return;
            *more = (struct ere_node){
                (const struct ere_block *)(const void *)(m->memory + (size_t)place * 16),
                (uint16_t)i, letter};
            nodes++;
        }
    *e = (struct ere){.memory = m->memory,
                      .used = m->used,
                      .nodes = (uint32_t)nodes,
                      .empty = (whole->empty & 8) != 0,
                      .node = node};
}
