/* runs_serve.h: the front's part of a request for runs that are kept (bastion(8), RUNS). */
#ifndef HTTP_RUNS_SERVE_H
#define HTTP_RUNS_SERVE_H

#include "http/handler.h"

/* Serves a request that handler_login let through, whose path admission_is_runs_path knows. Returns
 * false when the response was cut. */
bool runs_serve(struct handler *h, struct slice path, struct slice method, struct reply *reply,
                struct body *body);

#endif
