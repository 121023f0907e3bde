#include "http/admission.h"

#include <string.h>

/* host[:port], without a port that the scheme implies. */
static struct slice without_port(struct slice authority, const char *port) {
    size_t n = strlen(port);
    if (authority.n > n && memcmp(authority.at + authority.n - n, port, n) == 0)
        authority.n -= n;
    return authority;
}

/* Whether an Origin (RFC 6454, section 7: scheme "://" host [":" port], or "null") names the
 * request's own host. The port counts too: another service on the same host is another site. */
static bool is_own_origin(struct slice origin, struct slice authority) {
    const char *schemes[][2] = {{"http://", ":80"}, {"https://", ":443"}};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i][0]);
        if (origin.n <= n || strncasecmp(origin.at, schemes[i][0], n) != 0)
            continue;
        struct slice theirs =
            without_port((struct slice){origin.at + n, origin.n - n}, schemes[i][1]);
        struct slice ours = without_port(authority, schemes[i][1]);
        return theirs.n == ours.n && strncasecmp(theirs.at, ours.at, ours.n) == 0;
    }
    return false;
}

/* The origin in a Referer (RFC 9110, section 10.1.3): what stands before the path. */
static struct slice origin_of(struct slice url) {
    const char *host = memmem(url.at, url.n, "://", 3);
    size_t n = host == NULL ? 0 : (size_t)(host - url.at) + 3;
    while (n > 0 && n < url.n && memchr("/?#", url.at[n], 3) == NULL)
        n++;
    return (struct slice){url.at, n};
}

const char *const admission_purposes[ADMISSION_PURPOSES] = {"Sec-Purpose", "Purpose", "X-Purpose",
                                                            "X-Moz"};

/* Whether the value of such a field begins with one of their words for it; "prefetch;prerender" is
 * one of the values. */
static bool looks_ahead(struct slice value) {
    static const char *const words[] = {"prefetch", "preview", "prerender"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (value.n >= strlen(words[i]) && strncasecmp(value.at, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* Fetch Metadata: what is not from here (same-origin) or from the user (none) is from elsewhere, or
 * unknown. */
static const char *foreign(const struct admission_request *rq) {
    if (rq->repeated)
        return "a field that tells the request's origin is repeated";
    if (rq->site.at != NULL && !slice_is(rq->site, "same-origin") && !slice_is(rq->site, "none"))
        return "another site caused it (Sec-Fetch-Site)";
    if (rq->origin.at != NULL && !is_own_origin(rq->origin, rq->authority))
        return "another site caused it (Origin)";
    /* All that is left of a plain http page's GET: browsers send the other two to https alone. */
    if (rq->site.at == NULL && rq->origin.at == NULL && rq->referer.at != NULL
        && !is_own_origin(origin_of(rq->referer), rq->authority))
        return "another site caused it (Referer)";
    for (size_t i = 0; i < ADMISSION_PURPOSES; i++)
        if (rq->purpose[i].at != NULL && looks_ahead(rq->purpose[i]))
            return "a prefetch (Sec-Purpose, Purpose, X-Purpose, X-Moz)";
    return NULL;
}

struct admission_verdict admission_judge(const struct admission_request *rq, const struct auth *a) {
    const char *reason = foreign(rq);
    if (reason != NULL)
        return (struct admission_verdict){.status = 403, .reason = reason};
    bool get = slice_is(rq->method, "GET");
    if (slice_is(rq->path, "/healthz")) {
        if (get || slice_is(rq->method, "HEAD"))
            return (struct admission_verdict){.status = 200};
        return (struct admission_verdict){.status = 405, .allow = "GET, HEAD"};
    }
    if (!slice_is(rq->path, "/cgi-bin/run"))
        return (struct admission_verdict){.status = 404};
    if (!get && !slice_is(rq->method, "POST"))
        return (struct admission_verdict){.status = 405, .allow = "GET, POST"};
    if (rq->authorizations > 1)
        return (struct admission_verdict){.status = 400, .reason = "more than one Authorization"};
    reason = rq->authorizations == 0 ? "no credential"
                                     : auth_refuse(a, rq->authorization.at, rq->authorization.n);
    if (reason != NULL)
        return (struct admission_verdict){.status = 401, .reason = reason, .login = true};
    if (rq->range)
        return (struct admission_verdict){
            .status = 409, .reason = "Range: a client that repeats a broken transfer"};
    return (struct admission_verdict){.status = 0};
}
