/* http.c: the front of `bastion http` that is taken over: linked with --wrap, one of its own
 * functions is replaced, at a client's first byte or behind a right credential. It says what came
 * of its attempts to the client, before the response. */
#include "attempts.h"
#include "http/handler.h"

#ifdef FIRST_BYTE
ssize_t __real_input_read(struct input *in);
ssize_t __wrap_input_read(struct input *in);

ssize_t __wrap_input_read(struct input *in) {
    ssize_t n = __real_input_read(in);
    if (n > 0)
        attempt_everything(1);
    return n;
}
#else
bool __real_handler_run(struct handler *h, struct reply *reply, struct body *body);
bool __wrap_handler_run(struct handler *h, struct reply *reply, struct body *body);

bool __wrap_handler_run(struct handler *h, struct reply *reply, struct body *body) {
    attempt_everything(1);
    return __real_handler_run(h, reply, body);
}
#endif
