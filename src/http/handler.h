/* handler.h: what the fronts of `bastion http` and `bastion cgi` have in common: what becomes of a
 * request once its head is known. */
#ifndef HTTP_HANDLER_H
#define HTTP_HANDLER_H

#include <stdbool.h>

#include "http/response.h"
#include "http/admission.h"
#include "core/front.h"
#include "http/preferences.h"

struct handler {
    struct front *front;  /* the monitor, as it is known here */
    struct message terms; /* MESSAGE_ADMITTED: how the request at hand is to be served */
    /* The value of X-Bastion-Command, kept because a body is read over the head that it stands in:
     * how often the field is there, and the bytes of the first. It counts in broker mode alone. */
    size_t commands, command_n;
    struct preferences preferences;  /* of the request at hand */
    struct response response;        /* to it */
    char command[LIMIT_REQUEST + 1]; /* of a longer one so much that it is seen to be too long */
};

/* Keeps what the request asks for: `value` is the first of `count` fields. */
void handler_keep_command(struct handler *h, size_t count, struct slice value);

/* Asks the monitor whether the value of the field Authorization is a right credential, and notes
 * how the request is to be served. at == NULL where that field is absent. With `may_run` the
 * request, which has no body, and nothing else that could refuse it, is served at once. Status 0
 * where it is; else what refuses the request. */
struct admission_verdict handler_login(struct handler *h, struct slice authorization, bool may_run);

/* Whether the body of a request that handler_login let through is the command's input. */
bool handler_takes_body(const struct handler *h);

/* Serves a request that handler_login let through: runs the command and sends the response. The
 * body is the command's input, or is read and dropped meanwhile. Returns false when the response
 * was cut. */
bool handler_run(struct handler *h, struct reply *reply, struct body *body);

/* The same of a delivery of a webhook, whose signature was right and whose body has come. */
bool handler_run_hook(struct handler *h, struct reply *reply, struct body *body);

/* Serves a request for the run of that name which is kept, or without one for the list. */
bool handler_follow(struct handler *h, struct reply *reply, struct body *body, struct slice run);

/* Serves a request that `verdict` does not let through: logs it, reads as much of its body as comes
 * soon, and sends the response. */
void handler_refuse(struct handler *h, struct reply *reply, const struct admission_verdict *verdict,
                    struct body *body);

/* How long the rest of a request is read once the response is out: `ms` altogether, `idle` between
 * two bytes, as body_drop takes them. */
void handler_drain_time(const struct reply *reply, int64_t *ms, int64_t *idle);

#endif
