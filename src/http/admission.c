#include "http/admission.h"

#include <string.h>

#include "core/roles.h"

/* host[:port], less a port that the scheme implies. */
static struct slice without_default_port(struct slice authority, const char *port) {
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
            without_default_port((struct slice){origin.at + n, origin.n - n}, schemes[i][1]);
        struct slice ours = without_default_port(authority, schemes[i][1]);
        return theirs.n == ours.n && strncasecmp(theirs.at, ours.at, ours.n) == 0;
    }
    return false;
}

/* The origin in a Referer (RFC 9110, section 10.1.3): what stands before the path. */
static struct slice origin_of_url(struct slice url) {
    const char *host = memmem(url.at, url.n, "://", 3);
    size_t n = host == NULL ? 0 : (size_t)(host - url.at) + 3;
    while (n > 0 && n < url.n && memchr("/?#", url.at[n], 3) == NULL)
        n++;
    return (struct slice){url.at, n};
}

const char *const admission_purposes[ADMISSION_PURPOSES] = {"Sec-Purpose", "Purpose", "X-Purpose",
                                                            "X-Moz"};

/* Whether the value of one of these fields begins with a word for a prefetch; "prefetch;prerender"
 * is among the values that browsers send. */
static bool means_prefetch(struct slice value) {
    static const char *const words[] = {"prefetch", "preview", "prerender"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (value.n >= strlen(words[i]) && strncasecmp(value.at, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

bool admission_is_bearer(struct slice authorization) {
    return authorization.n > 7 && strncasecmp(authorization.at, "Bearer ", 7) == 0;
}

/* Whether a browser may have sent the credential by itself, for whatever page: then only the
 * request's own origin would tell, and that is hidden. */
static bool may_be_forged(const struct admission_request *request) {
    return request->hides_origin && request->authorization.at != NULL && request->referer.at == NULL
           && !admission_is_bearer(request->authorization);
}

/* Why the request counts as another site's or as a prefetch, or NULL. Of the values of
 * Sec-Fetch-Site (W3C, Fetch Metadata), same-origin is this site's and none the user's own. */
static const char *refuse_cross_site(const struct admission_request *request) {
    struct slice site = request->fetch_site, authority = request->authority;
    if (request->repeated)
        return "a field that tells the request's origin is repeated";
    if (site.at != NULL && !slice_is(site, "same-origin") && !slice_is(site, "none"))
        return "another site caused it (Sec-Fetch-Site)";
    if (request->origin.at != NULL && !is_own_origin(request->origin, authority))
        return "another site caused it (Origin)";
    /* A page over plain HTTP sends no other field with a GET: browsers keep Sec-Fetch-Site for
     * HTTPS, and Origin for other methods. */
    if (site.at == NULL && request->origin.at == NULL && request->referer.at != NULL
        && !is_own_origin(origin_of_url(request->referer), authority))
        return "another site caused it (Referer)";
    for (size_t i = 0; i < ADMISSION_PURPOSES; i++)
        if (request->purpose[i].at != NULL && means_prefetch(request->purpose[i]))
            return "a prefetch (Sec-Purpose, Purpose, X-Purpose, X-Moz)";
    return NULL;
}

bool admission_is_hook_path(struct slice path, struct slice *role) {
    size_t n = sizeof ADMISSION_HOOK_PATH - 1;
    *role = (struct slice){path.at, 0};
    if (path.n <= n || memcmp(path.at, ADMISSION_HOOK_PATH "/", n + 1) != 0)
        return slice_is(path, ADMISSION_HOOK_PATH);
    *role = (struct slice){path.at + n + 1, path.n - n - 1};
    return roles_is_name(*role);
}

bool admission_is_runs_path(struct slice path, struct slice *run) {
    size_t n = sizeof ADMISSION_RUNS_PATH - 1;
    *run = (struct slice){path.at, 0};
    if (path.n <= n || memcmp(path.at, ADMISSION_RUNS_PATH "/", n + 1) != 0)
        return slice_is(path, ADMISSION_RUNS_PATH);
    *run = (struct slice){path.at + n + 1, path.n - n - 1};
    for (size_t i = 0; i < run->n; i++)
        if (memchr("0123456789abcdef", run->at[i], 16) == NULL)
            return false;
    return run->n == ADMISSION_RUN_NAME;
}

/* May it ask for runs, or for the end of the one `run`? */
static struct admission_verdict judge_runs(const struct admission_request *request,
                                           struct slice run) {
    struct slice method = request->method;
    bool known = slice_is(method, "GET") || slice_is(method, "HEAD")
                 || (run.n > 0 && slice_is(method, "DELETE"));
    if (!known)
        return (struct admission_verdict){.status = 405,
                                          .allow = run.n > 0 ? "GET, HEAD, DELETE" : "GET, HEAD"};
    if (request->authorizations > 1)
        return (struct admission_verdict){.status = 400, .reason = "more than one Authorization"};
    return (struct admission_verdict){.status = 0, .is_runs = true};
}

struct admission_verdict admission_judge(const struct admission_request *request) {
    struct slice role, run;
    const char *reason = refuse_cross_site(request);
    if (reason != NULL)
        return (struct admission_verdict){.status = 403, .reason = reason};
    bool get = slice_is(request->method, "GET");
    if (slice_is(request->path, "/healthz")) {
        if (get || slice_is(request->method, "HEAD"))
            return (struct admission_verdict){.status = 200};
        return (struct admission_verdict){.status = 405, .allow = "GET, HEAD"};
    }
    if (may_be_forged(request))
        return (struct admission_verdict){
            .status = 403,
            .reason = "a web server that keeps Origin to itself, and no bearer token",
            .text =
                "Behind this web server only a bearer token counts, since it does not say which "
                "site causes a request."};
    if (request->has_more && admission_is_hook_path(request->path, &role)) {
        if (slice_is(request->method, "POST"))
            return (struct admission_verdict){.status = 0, .is_hook = true};
        return (struct admission_verdict){.status = 405, .allow = "POST"};
    }
    if (request->has_more && admission_is_runs_path(request->path, &run))
        return judge_runs(request, run);
    if (!slice_is(request->path, ADMISSION_RUN_PATH))
        return (struct admission_verdict){.status = 404};
    if (!get && !slice_is(request->method, "POST"))
        return (struct admission_verdict){.status = 405, .allow = "GET, POST"};
    if (request->authorizations > 1)
        return (struct admission_verdict){.status = 400, .reason = "more than one Authorization"};
    return (struct admission_verdict){.status = 0};
}

struct admission_verdict admission_judge_range(bool range) {
    if (range)
        return (struct admission_verdict){
            .status = 409, .reason = "Range: a client that repeats a broken transfer"};
    return (struct admission_verdict){.status = 0};
}
