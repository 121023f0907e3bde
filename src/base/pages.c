#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "limit.h"

void *pages_take(size_t n) {
    void *at =
        mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

void pages_release(void *at, size_t n) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)at;
    uintptr_t start = (from + page - 1) & ~(page - 1), end = (from + n) & ~(page - 1);
    if (end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

void pages_release_stack(void) {
    /* The page below that of this frame stays, too: the frames of the calls here may be there. What
     * is below the stack is a gap without a page (mmap(2), MAP_GROWSDOWN). */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - page;
    pages_release((void *)(end - LIMIT_STACK_RELEASED), LIMIT_STACK_RELEASED);
}
