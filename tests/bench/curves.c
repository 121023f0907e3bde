/* Times BearSSL's implementations of the curves that bastion's handshakes have: a line each, with the milliseconds of the processor
 * that one multiplication of the generator takes, which a handshake makes twice or thrice. */
#include <bearssl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void time_curve(const char *name, const br_ec_impl *impl, int curve) {
    enum { LEAST = 400 }; /* milliseconds in all */
    unsigned char secret[32], point[65];
    unsigned times = 0;
    memset(secret, 0x35, sizeof secret);
    double begin = milliseconds(), end;
    do {
        impl->mulgen(point, secret, sizeof secret, curve);
        times++;
    } while ((end = milliseconds()) - begin < LEAST);
    printf("%-12s %9.3f\n", name, (end - begin) / times);
}

int main(void) {
    time_curve("c25519 m31", &br_ec_c25519_m31, BR_EC_curve25519);
    time_curve("c25519 m15", &br_ec_c25519_m15, BR_EC_curve25519);
    time_curve("c25519 i31", &br_ec_c25519_i31, BR_EC_curve25519);
    time_curve("P-256 m31", &br_ec_p256_m31, BR_EC_secp256r1);
    time_curve("P-256 m15", &br_ec_p256_m15, BR_EC_secp256r1);
    time_curve("P-256 i31", &br_ec_prime_i31, BR_EC_secp256r1);
    return 0;
}
