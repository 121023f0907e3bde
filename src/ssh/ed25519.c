#include "ssh/ed25519.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <stdint.h>
#include <string.h>

/* BearSSL has the curve in Montgomery's form alone, where the seed's point has the coordinate u =
 * (1 + y) / (1 - y), y being the coordinate that is the public key (RFC 7748, section 4.1). So u (1
 * - y) = 1 + y has to hold modulo 2^255 - 19. */

/* of 16 bits, least significant first; a limb may be negative, or too large for a while */
enum { LIMBS = 16 };

static void load(int64_t out[LIMBS], const unsigned char bytes[32]) {
    for (int i = 0; i < LIMBS; i++)
        out[i] = bytes[2 * i] | bytes[2 * i + 1] << 8;
    out[LIMBS - 1] &= 0x7fff;
}

/* Brings every limb to 16 bits; what leaves the top comes back 38 times, since 2^256 is 38. */
static void carry(int64_t n[LIMBS]) {
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < LIMBS; i++) {
            int64_t over = n[i] >> 16;
            n[i] -= over * 65536;
            if (i + 1 < LIMBS)
                n[i + 1] += over;
            else
                n[0] += 38 * over;
        }
}

static void multiply(int64_t out[LIMBS], const int64_t a[LIMBS], const int64_t b[LIMBS]) {
    int64_t product[2 * LIMBS] = {0};
    for (int i = 0; i < LIMBS; i++)
        for (int j = 0; j < LIMBS; j++)
            product[i + j] += a[i] * b[j];
    for (int i = 0; i < LIMBS; i++)
        out[i] = product[i] + 38 * product[i + LIMBS];
    carry(out);
}

/* Whether n, after carry, is 0: of the numbers below 2^256 these are 0, p and 2p. */
static bool is_zero(const int64_t n[LIMBS]) {
    for (int k = 0; k < 3; k++) {
        bool equal = n[0] == (k == 0 ? 0 : 65536 - 19 * k);
        for (int i = 1; i < LIMBS; i++)
            equal = equal && n[i] == (k == 0 ? 0 : i == LIMBS - 1 && k == 1 ? 0x7fff : 0xffff);
        if (equal)
            return true;
    }
    return false;
}

bool ed25519_belongs(const unsigned char secret[ED25519_SECRET]) {
    unsigned char hash[64], point[32];
    int64_t u[LIMBS], y[LIMBS], one_less_y[LIMBS], difference[LIMBS];
    br_sha512_context sha;
    br_sha512_init(&sha);
    br_sha512_update(&sha, secret, 32);
    br_sha512_out(&sha, hash);
    /* The hash's first half is the scalar; which of its bits are set and cleared is the same for
     * both forms. */
    br_ec_c25519_m31.mulgen(point, hash, 32, BR_EC_curve25519);
    load(u, point);
    load(y, secret + 32);
    for (int i = 0; i < LIMBS; i++)
        one_less_y[i] = (i == 0) - y[i];
    multiply(difference, u, one_less_y);
    for (int i = 0; i < LIMBS; i++)
        difference[i] -= (i == 0) + y[i];
    carry(difference);
    explicit_bzero(&sha, sizeof sha);
    explicit_bzero(hash, sizeof hash);
    return is_zero(difference);
}
