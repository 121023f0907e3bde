/* hook_serve.h: a delivery of a webhook, as the front of `bastion http` sees it (bastion(8),
 * WEBHOOKS): what its head claims, its body as it comes by, the values in that. Whether it is
 * signed is the monitor's to say (core/hook.h). */
#ifndef HTTP_HOOK_SERVE_H
#define HTTP_HOOK_SERVE_H

#include <stdbool.h>

#include "http/handler.h"
#include "wire/http1.h"

/* Serves a POST at a path of webhooks, whose head must stay where it is until this is through.
 * Returns false when the response was cut. */
bool hook_serve(struct handler *h, const struct http1_head *head, struct slice path,
                struct reply *reply, struct body *body);

#endif
