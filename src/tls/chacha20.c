#include "tls/chacha20.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Where vectors are there at all, and little-endian, as ChaCha20's words are. */
#if defined(__SSE2__) || (defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define HAS_VECTORS
typedef uint32_t quarter __attribute__((vector_size(16)));

#define NAME run_narrow
#define TARGET
#define SIDE 1
#define BOTH(a, b, c, d) ((row){a, b, c, d})
#define MOVE(x, a, b, c, d) __builtin_shuffle(x, (row){a, b, c, d})
#include "tls/chacha20_rows.h"
#endif

#if defined(__x86_64__)
#define HAS_AVX2
#include <cpuid.h>

#define NAME run_wide
#define TARGET __attribute__((target("avx2")))
#define SIDE 2
#define BOTH(a, b, c, d) ((row){a, b, c, d, a, b, c, d})
#define MOVE(x, a, b, c, d)                                                                        \
    __builtin_shuffle(x, (row){a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4})
#include "tls/chacha20_rows.h"

/* Whether the processor has AVX2, and the kernel keeps its registers: XMM and YMM, bits 1 and 2 of
 * XCR0 (Intel's manual, volume 1, section 14.3). */
static int has_avx2(void) {
    enum { KEPT = 6 };
    unsigned a, b, c, d, kept, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0)
        return 0;
    __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
    return (kept & KEPT) == KEPT && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2) != 0;
}
#endif

br_chacha20_run chacha20_narrow(void) {
#ifdef HAS_VECTORS
    return run_narrow;
#else
    br_chacha20_run sse2 = br_chacha20_sse2_get(); /* i686's that have it */
    return sse2 != NULL ? sse2 : br_chacha20_ct_run;
#endif
}

br_chacha20_run chacha20_fastest(void) {
#ifdef HAS_AVX2
    if (has_avx2())
        return run_wide;
#endif
    return chacha20_narrow();
}
