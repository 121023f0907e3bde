#include "tool/lint_letter.h"

static const struct ere_set *letter_set(const struct ere *e, uint32_t letter) {
    return (const struct ere_set *)(const void *)(e->memory + (size_t)(letter & ~ERE_SET) * 16);
}

bool lint_letter_is(const struct ere *e, uint32_t letter, uint32_t code) {
    if ((letter & ERE_SET) == 0 || (letter & ERE_BLOCK) != 0)
        return letter == code;
    const struct ere_set *set = letter_set(e, letter);
    uint64_t low = set->ascii[0] & ~UINT64_C(0xffffffff),
             high = set->ascii[1] & ~(UINT64_C(1) << 63);
    uint64_t one = UINT64_C(1) << code % 64;
    return set->n == 0 && !set->beyond && low == (code < 64 ? one : 0)
           && high == (code < 64 ? 0 : one);
}

bool lint_letter_is_control(const struct ere *e, uint32_t letter) {
    if ((letter & ERE_SET) == 0 || (letter & ERE_BLOCK) != 0)
        return letter < 0x20 || letter == 0x7f;
    const struct ere_set *set = letter_set(e, letter);
    bool controls = (set->ascii[0] & UINT64_C(0xffffffff)) != 0 || (set->ascii[1] >> 63) != 0;
    bool others = (set->ascii[0] >> 33) != 0 || (set->ascii[1] & ~(UINT64_C(1) << 63)) != 0
                  || set->beyond || set->n > 0;
    return controls && !others;
}

bool lint_letter_has_loose(const struct ere *e, uint32_t code) {
    for (uint32_t i = 0; i < e->nodes; i++)
        for (uint32_t k = 0; k < e->node[i].block->n; k++) {
            uint32_t letter = e->node[i].block->letter[k];
            bool set = (letter & ERE_SET) != 0 && (letter & ERE_BLOCK) == 0;
            if (letter == ERE_ANY
                || (set && (letter_set(e, letter)->ascii[code / 64] >> code % 64 & 1) != 0
                    && !lint_letter_is(e, letter, code)))
                return true;
        }
    return false;
}

bool lint_letter_has_own(const struct ere *e, uint32_t code) {
    for (uint32_t i = 0; i < e->nodes; i++)
        for (uint32_t k = 0; k < e->node[i].block->n; k++)
            if (lint_letter_is(e, e->node[i].block->letter[k], code))
                return true;
    return false;
}
