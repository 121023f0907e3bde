/* shell.c: the login shell that is taken over: linked with --wrap, one of its own functions is
 * replaced, before it has confined itself (an account's process, as another of that account could
 * make it) or behind. It says what came of its attempts to the client, before the command's output.
 */
#include "attempts.h"
#include "core/front.h"

#ifdef BEFORE_CONFINEMENT
bool __real_front_wait_ready(struct front *f);
bool __wrap_front_wait_ready(struct front *f);

bool __wrap_front_wait_ready(struct front *f) {
    attempt_everything(1);
    return __real_front_wait_ready(f);
}
#else
void __real_front_run(struct front *f, const struct front_request *request,
                      struct frontend *frontend);
void __wrap_front_run(struct front *f, const struct front_request *request,
                      struct frontend *frontend);

void __wrap_front_run(struct front *f, const struct front_request *request,
                      struct frontend *frontend) {
    attempt_everything(1);
    __real_front_run(f, request, frontend);
}
#endif
