/* chacha20.h: the cipher ChaCha20 (RFC 8439, section 2.4), several blocks at a time where the
 * processor calculates with vectors: two to three times as fast as one block after another. */
#ifndef TLS_CHACHA20_H
#define TLS_CHACHA20_H

#include <bearssl_block.h>

/* Both give a function that takes and gives what br_chacha20_run does. */

/* By vectors of 128 bits where every processor of the kind has them, else BearSSL's own. */
br_chacha20_run chacha20_narrow(void);

/* By those of 256 bits (AVX2) where this processor has them, else the former. */
br_chacha20_run chacha20_fastest(void);

#endif
