/* tls.c: `bastion tls` that is taken over: linked with --wrap, its own two functions are replaced,
 * the one at a client's first byte, the other behind the handshake. */
#include <stdint.h>

#include "attempts.h"
#include "tls/tunnel.h"

#ifdef BEFORE_HANDSHAKE
enum tunnel_hello __real_tunnel_shake_hands(struct tunnel *t, int64_t deadline);
enum tunnel_hello __wrap_tunnel_shake_hands(struct tunnel *t, int64_t deadline);

enum tunnel_hello __wrap_tunnel_shake_hands(struct tunnel *t, int64_t deadline) {
    attempt_everything(2);
    return __real_tunnel_shake_hands(t, deadline);
}
#else
bool __real_tunnel_carry(struct tunnel *t, int program);
bool __wrap_tunnel_carry(struct tunnel *t, int program);

bool __wrap_tunnel_carry(struct tunnel *t, int program) {
    attempt_everything(2);
    return __real_tunnel_carry(t, program);
}
#endif
