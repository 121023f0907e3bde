/* admission.h: the door of the HTTP channels: may this request run the command? Pure but for the
 * credential's hash. */
#ifndef HTTP_ADMISSION_H
#define HTTP_ADMISSION_H

#include <stdbool.h>

#include "http/auth.h"
#include "wire/slice.h"

/* The fields by which a browser says that it only looks ahead: today's, and what its forerunners
 * and others have. */
enum { ADMISSION_PURPOSES = 4 };
extern const char *const admission_purposes[ADMISSION_PURPOSES];

/* What counts of a request. A slice that is absent has at == NULL. `repeated` says that a field
 * which decides something (Origin, Referer, Sec-Fetch-Site, those of admission_purposes) stood
 * there twice. */
struct admission_request {
    struct slice method, path;
    struct slice authority; /* of the request: host and port */
    struct slice origin, referer, site;
    struct slice purpose[ADMISSION_PURPOSES];
    struct slice authorization;
    size_t authorizations;
    bool repeated;
    bool range; /* it asks for a part of the answer (Range) */
};

struct admission_verdict {
    int status;         /* 0: run the command; else answer this */
    const char *allow;  /* 405: the methods of Allow */
    const char *reason; /* of a refusal, for the log; NULL where there is nothing to log */
    bool login;         /* it is a failed login */
    const char *text;   /* the body, where the status's own text won't do; else NULL */
};

/* A page elsewhere may not use a browser's credentials: cross-site requests and prefetches, before
 * anything else; then the path, the method, and the credential; last a Range, since what asks for
 * the rest of an answer is a client that repeats a request whose transfer broke, and a failed
 * command must not be run again by machinery. */
struct admission_verdict admission_judge(const struct admission_request *rq, const struct auth *a);

#endif
