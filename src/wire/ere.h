/* ere.h: extended regular expressions (POSIX) over the characters of UTF-8, for one question: does
 * the expression match this text from its first character to its last? No allocation, no recursion,
 * no locale, nothing that goes back.
 *
 * An expression is turned into its position automaton (Glushkov). A position is a place where the
 * expression has a character, a repetition {n,m} being as many copies; which positions may follow
 * which is all there is to it. They are kept in blocks of at most 64 letters, so that a set of
 * positions is a word for each block; a letter of a block is a position, or stands for a whole
 * block below it. Every block but the outermost has 33 letters or more, so that m positions make m
 * / 32 + 1 blocks at most, however deep the groups are.
 *
 * Time: a character costs at most 20 operations on words for each block, so for n characters and m
 * positions at most n * (m / 32 + 1) * 20; the first time that a character meets a block costs 64
 * more. Most letters are followed by themselves or their neighbour alone, which takes two
 * operations for all of them. Memory: ERE_MEMORY bytes hold any expression of LIMIT_ERE_POSITIONS;
 * an ordinary rule takes half a KiB of them. Nobody writes to what is not needed: of static
 * storage, pages that stay untouched cost nothing.
 *
 * Where POSIX leaves a meaning open, the expression is a fault, unless musl, glibc and GNU grep
 * agree on it (tests/fuzz/ expressions/undefined). Classes such as [:alpha:] are those of ASCII; in
 * [^...] they take with them what may belong to them beyond ASCII, so that never more is matched
 * than elsewhere. */
#ifndef WIRE_ERE_H
#define WIRE_ERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"
#include "wire/slice.h"

enum {
    ERE_NODES = LIMIT_ERE_POSITIONS / 32 + 2,
    ERE_MEMORY =
        8 * 1024 * 1024, /* 2.5 KiB a block, and what a text of LIMIT_VALUE can have of brackets */
    ERE_PENDING = 64 * (2 * LIMIT_ERE_DEPTH + 4),
    ERE_COLUMNS = 128
};

/* ---- an expression ---- */

/* A letter: a character, ERE_ANY, or with one of these bits the place of a set or a block in
 * memory, in units of 16 bytes. */
#define ERE_ANY 0x110000u
#define ERE_SET 0x40000000u
#define ERE_BLOCK 0x80000000u

struct ere_set {
    uint64_t ascii[2];
    bool beyond; /* what a character above 0x7f is that stands in no range */
    uint32_t n;
    struct ere_range {
        uint32_t from, to;
    } range[]; /* above 0x7f, in order */
};

/* [0] is anywhere in the text; first[1] at its very beginning, last[1] at its very end, where ^ and
 * $ match. */
struct ere_block {
    uint64_t first[2], last[2];
    uint64_t step, stay; /* letters that their neighbour, or they themselves, may follow */
    uint64_t blocks;     /* letters that stand for a block */
    const uint32_t *letter;
    const uint64_t (
        *follow)[16];  /* for each of `fours`: what follows a set of those four letters */
    uint16_t fours;    /* of letters, four by four: which have other followers than these two */
    uint16_t index, n; /* its place among the blocks of the expression; how many letters it has */
};

struct ere {
    const char *memory;
    size_t used; /* bytes of the memory, from its beginning */
    uint32_t nodes;
    bool empty; /* whether it matches the empty text */
    const struct ere_node {
        _Alignas(16) const struct ere_block *block;
        uint16_t parent,
            letter; /* which of the parent's letters it is; a parent comes before its children */
    } * node;
};

/* ---- compiling ---- */

/* What is in the making; of no use between two calls. */
struct ere_work {
    uint64_t follow[ERE_PENDING];
    uint32_t letter[ERE_PENDING];
    struct ere_group {
        struct ere_piece {
            uint64_t first[2], last[2];
            uint64_t positions;
            uint32_t base, n; /* its letters, in the two arrays above */
            unsigned empty;   /* by where it may match nothing: bit (at the beginning) + 2 * (at the
                                 end) */
        } branch, others;
        bool has_others;
        size_t at, used, blocks; /* where it begins, and what of the memory was in use there */
    } group[LIMIT_ERE_DEPTH + 1];
};

struct ere_fault {
    size_t column;  /* counted in characters, from 1 */
    char text[160]; /* what is wrong, and what to write instead */
};

enum ere_result { ERE_GOOD, ERE_FAULT, ERE_FULL /* more memory is needed: never of ERE_MEMORY */ };

/* Compiles the text into `memory` (aligned to 16), with `backwards` for texts that are read from
 * their end. */
enum ere_result ere_compile(struct ere *e, struct slice text, bool backwards, void *memory,
                            size_t size, struct ere_work *w, struct ere_fault *fault);

/* What every text begins with that the expression matches, as far as a glance at it shows: a part
 * of `text`, perhaps an empty one. Of an expression that is a fault, anything. */
struct slice ere_prefix(struct slice text);

/* ---- matching ---- */

/* A set of positions is a word for each node; which they are follows from what was read. */
struct ere_run {
    uint64_t now[ERE_NODES], next[ERE_NODES];
    bool warm[ERE_NODES];
    struct ere_column {
        uint32_t code[ERE_COLUMNS];
        uint64_t letters[ERE_COLUMNS];
    } column[ERE_NODES];
};

/* Whether the expression matches the whole text; one that is not UTF-8 is matched by none. */
bool ere_match(const struct ere *e, struct slice text, struct ere_run *run);

/* The same, a step at a time. ere_start empties the set. ere_step reads a character; `enter` says
 * whether the expression may begin with it: no, anywhere in a text, or at its very beginning. False
 * if nothing can match any more. ere_accepts says whether what was read is matched, here or at the
 * very end of the text. The set may be saved and put back: `nodes` words. */
enum ere_enter { ERE_INSIDE, ERE_ANYWHERE, ERE_BEGINNING };
void ere_start(const struct ere *e, struct ere_run *run);
bool ere_step(const struct ere *e, struct ere_run *run, uint32_t code, enum ere_enter enter);
bool ere_accepts(const struct ere *e, struct ere_run *run, bool at_end);

/* The smallest character from `code` on that some letter tells from the one before it, or 0x110000:
 * between two of these all characters are one to the expression. */
uint32_t ere_next_class(const struct ere *e, uint32_t code);

/* Where matches in a text of UTF-8 begin that are not empty: sets bit i % 8 of starts[i / 8], for n
 * bytes. `backwards` is the expression compiled so. In one pass. */
void ere_mark_starts(const struct ere *backwards, struct slice text, struct ere_run *run,
                     unsigned char *starts);
/* The bytes of the longest match from `at` on, 0 if none has any. In one pass. */
size_t ere_longest(const struct ere *e, struct slice text, size_t at, struct ere_run *run);

#endif
