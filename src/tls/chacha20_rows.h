/* chacha20_rows.h: ChaCha20 (RFC 8439, section 2.4) by vectors of one width, which chacha20.c
 * includes once for each, with these defined:
 *   NAME      the function, which takes and gives what br_chacha20_run does
 *   TARGET    what of the processor it may use
 *   SIDE      so many blocks stand side by side in a vector, a row of the state of each
 *   BOTH(a, b, c, d), MOVE(x, a, b, c, d)
 *             those four words in each of these blocks; the words of x moved along within each */

/* The same step of both groups, then the next: none has to wait for the result of the one before.
 */
#define EACH for (int g = 0; g < GROUPS; g++)
#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define ADD_ROTATE(a, b, c, n)                                                                     \
    EACH {                                                                                         \
        s[g][a] += s[g][b];                                                                        \
        s[g][c] ^= s[g][a];                                                                        \
        s[g][c] = ROTATE(s[g][c], n);                                                              \
    }
/* Of all four columns (section 2.1). */
#define QUARTER_ROUNDS                                                                             \
    ADD_ROTATE(0, 1, 3, 16)                                                                        \
    ADD_ROTATE(2, 3, 1, 12)                                                                        \
    ADD_ROTATE(0, 1, 3, 8)                                                                         \
    ADD_ROTATE(2, 3, 1, 7)

TARGET static uint32_t NAME(const void *key, const void *iv, uint32_t counter, void *data,
                            size_t n) {
    typedef uint32_t row __attribute__((vector_size(16 * SIDE)));
    enum { ROWS = 4, GROUPS = 2, BLOCK = 64, STEP = GROUPS * SIDE * BLOCK };
    uint32_t k[8], v[3];
    unsigned char *at = data, stream[STEP];
    memcpy(k, key, sizeof k);
    memcpy(v, iv, sizeof v);
    const row constants = BOTH(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574),
              key0 = BOTH(k[0], k[1], k[2], k[3]), key1 = BOTH(k[4], k[5], k[6], k[7]);
    row nonce = BOTH(counter, v[0], v[1], v[2]), s[GROUPS][ROWS];
    nonce[4 * SIDE - 4] += SIDE - 1;
    for (; n > 0; at += STEP) {
        EACH {
            s[g][0] = constants;
            s[g][1] = key0;
            s[g][2] = key1;
            s[g][3] = nonce + BOTH((uint32_t)(g * SIDE), 0, 0, 0);
        }
        for (int i = 0; i < 10; i++) {
            QUARTER_ROUNDS
            EACH { /* the diagonals become columns */
                s[g][1] = MOVE(s[g][1], 1, 2, 3, 0);
                s[g][2] = MOVE(s[g][2], 2, 3, 0, 1);
                s[g][3] = MOVE(s[g][3], 3, 0, 1, 2);
            }
            QUARTER_ROUNDS
            EACH {
                s[g][1] = MOVE(s[g][1], 3, 0, 1, 2);
                s[g][2] = MOVE(s[g][2], 2, 3, 0, 1);
                s[g][3] = MOVE(s[g][3], 1, 2, 3, 0);
            }
        }
        EACH {
            s[g][0] += constants;
            s[g][1] += key0;
            s[g][2] += key1;
            s[g][3] += nonce + BOTH((uint32_t)(g * SIDE), 0, 0, 0);
            for (int r = 0; r < ROWS; r++)
                for (int b = 0; b < SIDE; b++)
                    memcpy(stream + BLOCK * (SIDE * g + b) + 16 * r,
                           (const unsigned char *)&s[g][r] + 16 * b, 16);
        }
        if (n < STEP) {
            for (size_t i = 0; i < n; i++)
                at[i] ^= stream[i];
            return counter + (uint32_t)((n + BLOCK - 1) / BLOCK);
        }
        for (size_t i = 0; i < STEP; i += 16) {
            quarter a, b;
            memcpy(&a, at + i, sizeof a);
            memcpy(&b, stream + i, sizeof b);
            a ^= b;
            memcpy(at + i, &a, sizeof a);
        }
        n -= STEP;
        counter += STEP / BLOCK;
        nonce += BOTH(STEP / BLOCK, 0, 0, 0);
    }
    return counter;
}

#undef EACH
#undef ROTATE
#undef ADD_ROTATE
#undef QUARTER_ROUNDS
#undef NAME
#undef TARGET
#undef SIDE
#undef BOTH
#undef MOVE
