/* Any bytes as an extended regular expression, with memory that ends where it is said to: forwards
 * and backwards it is the same thing, a fault has a place and a text, and what has come out is as
 * large as was promised. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ere.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ere *e, size_t room) {
    assert(e->used <= room && e->nodes >= 1 && e->nodes <= ERE_NODES);
    for (uint32_t i = 0; i < e->nodes; i++) {
        const struct ere_node *node = &e->node[i];
        const struct ere_block *b = node->block;
        uint64_t all = b->n > 0 ? UINT64_MAX >> (64 - b->n) : 0;
        assert(b->n <= 64 && (i == 0 || (b->n >= 33 && node->parent < i)));
        assert(((b->first[0] | b->first[1] | b->last[0] | b->last[1] | b->step << 1 | b->stay
                 | b->blocks)
                & ~all)
               == 0);
        assert((b->first[0] & ~b->first[1]) == 0 && (b->last[0] & ~b->last[1]) == 0
               && b->index < e->nodes);
        assert(i == 0 || (e->node[node->parent].block->blocks >> node->letter & 1) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ere_work work;
    static struct ere_fault fault;
    struct ere e, again;
    struct slice text = {(const char *)data, size};
    size_t room = size > 1000                    ? ERE_MEMORY
                  : size > 0 && data[0] % 4 == 0 ? data[0] * (size_t)64
                                                 : 1 << 19;
    char *memory = aligned_alloc(16, room + 16);
    enum ere_result result = ere_compile(&e, text, false, memory, room, &work, &fault);
    if (result == ERE_FAULT)
        assert(fault.column >= 1 && fault.column <= size + 1 && strlen(fault.text) > 10
               && strlen(fault.text) < sizeof fault.text - 1);
    assert(result != ERE_FULL || room < ERE_MEMORY);
    if (result == ERE_GOOD) {
        check(&e, room);
        assert(size > LIMIT_VALUE || room < ERE_MEMORY || e.used < ERE_MEMORY);
    }
    enum ere_result backwards = ere_compile(&again, text, true, memory, room, &work, &fault);
    if (backwards == ERE_GOOD)
        check(&again, room);
    assert(backwards == result || room < ERE_MEMORY);
    free(memory);
    return 0;
}
