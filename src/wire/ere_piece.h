/* ere_piece.h: what ere.c makes an expression of. A piece is an expression of at most 64 letters;
 * when two together have more, the larger becomes a block, which is one letter. */
#ifndef WIRE_ERE_PIECE_H
#define WIRE_ERE_PIECE_H

#include "wire/ere.h"

enum { ERE_UNBOUNDED = LIMIT_ERE_REPEAT + 1 };

struct ere_maker {
    struct ere_work *work;
    char *memory;
    size_t size, used, blocks;
    uint32_t pending;
    bool full;          /* of memory: all is lost */
    uint64_t positions; /* that a piece would have, where that is too many: all is lost */
};

/* n bytes of the memory, aligned to 16, or NULL. */
void *ere_take(struct ere_maker *m, size_t n);

/* Pieces are made one behind another, and the last two put together: *a becomes the whole. */
struct ere_piece ere_piece_nothing(const struct ere_maker *m, unsigned empty);
struct ere_piece ere_piece_letter(struct ere_maker *m, uint32_t letter);
/* The same as a letter behind *a, for one of less than 64. */
void ere_piece_append(struct ere_maker *m, struct ere_piece *a, uint32_t letter);
void ere_piece_both(struct ere_maker *m, struct ere_piece *a, struct ere_piece *b, bool backwards);
void ere_piece_either(struct ere_maker *m, struct ere_piece *a, struct ere_piece *b);
/* `most` is above 0. */
void ere_piece_repeat(struct ere_maker *m, struct ere_piece *a, unsigned least, unsigned most);

/* The piece as an expression. */
void ere_piece_finish(struct ere_maker *m, struct ere_piece *whole, struct ere *e);

#endif
