/* admission.h: may this HTTP request run the command, and if not, which status refuses it? `bastion
 * http` and `bastion cgi` ask the same function. It reads nothing but its arguments. */
#ifndef HTTP_ADMISSION_H
#define HTTP_ADMISSION_H

#include <stdbool.h>

#include "wire/slice.h"

/* The path at which a command runs, that of webhooks, and that of runs that are kept. */
#define ADMISSION_RUN_PATH "/cgi-bin/run"
#define ADMISSION_HOOK_PATH "/hooks"
#define ADMISSION_RUNS_PATH "/runs"
enum { ADMISSION_RUN_NAME = 16 }; /* bytes of a run's name */

/* The fields by which browsers, present and past, say that they fetch a page before anybody asked
 * for it. */
enum { ADMISSION_PURPOSES = 4 };
extern const char *const admission_purposes[ADMISSION_PURPOSES];

/* What of a request decides. A field that is absent has at == NULL. */
struct admission_request {
    struct slice method, path;
    struct slice authority; /* host and port, of the Host field or the target */
    struct slice origin, referer, fetch_site;
    struct slice purpose[ADMISSION_PURPOSES];
    bool has_more;              /* the channel has webhooks, and runs that are kept */
    size_t authorizations;      /* how often the field Authorization is there */
    struct slice authorization; /* the value of the first of them */
    /* the web server before a CGI program keeps Origin and Sec-Fetch-Site to itself */
    bool hides_origin;
    /* one of Origin, Referer, Sec-Fetch-Site and admission_purposes is there more than once */
    bool repeated;
};

struct admission_verdict {
    int status;         /* 0: it may run the command; else respond with this */
    bool is_runs;       /* ... no, it asks for runs that are kept */
    bool is_hook;       /* ... by a signature in the place of a credential */
    const char *allow;  /* 405: the methods of Allow */
    const char *reason; /* of a refusal, for the log; NULL where there is nothing to log */
    const char *text;   /* the body, where the status's own text (status.h) won't do; else NULL */
};

/* Whether the value of a field Authorization is a bearer token (RFC 6750). No browser sends one by
 * itself, and no page can make it send one to another site that has not allowed it (Fetch,
 * section 4.8: such a request is not a simple one). */
bool admission_is_bearer(struct slice authorization);

/* Whether the path is one of webhooks: ADMISSION_HOOK_PATH, or a role's below it. *role is its
 * name, or empty. */
bool admission_is_hook_path(struct slice path, struct slice *role);

/* Whether the path is ADMISSION_RUNS_PATH, or one of a run below it. *run is its name, or empty. */
bool admission_is_runs_path(struct slice path, struct slice *run);

/* Judges all but the credential, in this order: cross-site requests and prefetches, since a page
 * elsewhere may not use a browser's credentials; the path; the method; and that there is no second
 * credential. */
struct admission_verdict admission_judge(const struct admission_request *request);

/* Judges what counts only once the credential was right, of a request with the field Range where
 * `range` is set: a client that asks for the rest of a response repeats a request whose transfer
 * broke, and a failed command must not be run again by machinery. */
struct admission_verdict admission_judge_range(bool range);

#endif
