/* ere_parts.h: what ere.c and ere_set.c, which read an expression, have of one another. */
#ifndef WIRE_ERE_PARTS_H
#define WIRE_ERE_PARTS_H

#include "wire/ere_piece.h"

struct ere_reader {
    struct slice text;
    size_t at, set; /* set: where the [ stands that was read last */
    bool backwards;
    struct ere_maker m;
    struct ere_group *group; /* the innermost that is open */
    struct ere_fault *fault;
};

/* The next byte, or the one `ahead` of it, which is never 0: that is the end. */
char ere_look(const struct ere_reader *r, size_t ahead);

/* Whether c is one of the characters of `set`, which the end is not. */
bool ere_is_one_of(char c, const char *set);

/* Notes a fault, which is at byte `at` of the text. Returns false, as its caller then does. */
bool ere_fault_at(struct ere_reader *r, size_t at, const char *text);

/* Takes a character of UTF-8, whose code point goes to *code. False with a fault where there is
 * none. */
bool ere_read_character(struct ere_reader *r, uint32_t *code);

/* ---- ere_set.c ---- */

/* Takes a set in brackets, the next byte being [, and gives it as a letter. False with a fault;
 * where the memory is full (r->m.full), true without a letter. */
bool ere_read_set(struct ere_reader *r, uint32_t *letter);

/* What \w \W \s \S stand for, of which c is the one, as a letter: what is a word's, and what is
 * space. 0 where the memory is full. */
uint32_t ere_short_set(struct ere_reader *r, char c);

#endif
