#include <string.h>

#include "tls/chacha20.h"
#include "unit.h"

/* RFC 8439, section 2.4.2. */
START_TEST(standard_example) {
    static const unsigned char wanted[] = {0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80,
                                           0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d, 0x69, 0x81};
    unsigned char key[32], nonce[12] = {[7] = 0x4a}, text[] = "Ladies and Gentl";
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)i;
    br_chacha20_run run = _i == 0 ? chacha20_narrow() : chacha20_fastest();
    ck_assert_uint_eq(run(key, nonce, 1, text, sizeof wanted), 2);
    ck_assert_mem_eq(text, wanted, sizeof wanted);
}
END_TEST

/* Each length up to several steps of the widest one, up to the memory's end, also where the counter
 * passes 2^32. */
START_TEST(block_after_block) {
    enum { MOST = 640 };
    static const uint32_t counters[] = {0, 1, 0xfffffffd};
    unsigned char key[32], nonce[12], wanted[MOST] = {0};
    br_chacha20_run run = _i == 0 ? chacha20_narrow() : chacha20_fastest();
    unsigned char *end = (unsigned char *)unit_guarded(wanted, MOST) + MOST;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)(i * 37 + 200);
    for (size_t i = 0; i < sizeof nonce; i++)
        nonce[i] = (unsigned char)(i * 91 + 3);
    for (size_t c = 0; c < COUNT(counters); c++) {
        for (size_t n = 0; n <= MOST; n++) {
            unsigned char *at = end - n;
            for (size_t i = 0; i < n; i++)
                at[i] = wanted[i] = (unsigned char)(i * n);
            uint32_t after = br_chacha20_ct_run(key, nonce, counters[c], wanted, n);
            ck_assert_uint_eq(run(key, nonce, counters[c], at, n), after);
            ck_assert_mem_eq(at, wanted, n);
        }
    }
}
END_TEST

Suite *unit_chacha20(void) {
    Suite *s = suite_create("chacha20");
    TCase *c = tcase_create("chacha20");
    tcase_add_loop_test(c, standard_example, 0, 2);
    tcase_add_loop_test(c, block_after_block, 0, 2);
    suite_add_tcase(s, c);
    return s;
}
