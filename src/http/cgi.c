#include "http/cgi.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/ucspi.h"
#include "http/handler.h"

/* Everything in this process's environment but the meta-variables below is the client's (a field
 * `Token:` is HTTP_TOKEN here) or the web server's: no setting and nothing of the command's comes
 * from it. */
static struct slice meta(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? (struct slice){value, strlen(value)} : (struct slice){NULL, 0};
}

/* The web server has chosen this program by the path; what it left over must be nothing. */
static struct admission_verdict judge(struct handler *d) {
    struct slice rest = meta("PATH_INFO");
    struct admission_request rq = {
        .method = meta("REQUEST_METHOD"),
        .path = rest.n == 0 ? (struct slice){"/cgi-bin/run", 12} : rest,
        .authority = meta("HTTP_HOST"),
        .origin = meta("HTTP_ORIGIN"),
        .referer = meta("HTTP_REFERER"),
        .site = meta("HTTP_SEC_FETCH_SITE"),
        .purpose = {meta("HTTP_SEC_PURPOSE"), meta("HTTP_PURPOSE"), meta("HTTP_X_PURPOSE"),
                    meta("HTTP_X_MOZ")},
        .authorization = meta("HTTP_AUTHORIZATION"),
        .range = getenv("HTTP_RANGE") != NULL,
    };
    rq.authorizations = rq.authorization.at != NULL;
    struct slice requested = meta("HTTP_X_BASTION_COMMAND");
    handler_note_command(d, requested.at != NULL, requested);
    return admission_judge(&rq, &d->auth);
}

/* A CGI answer of unknown length just ends, so that a failed run would look like a good one. These
 * web servers pass chunks on, with their missing end; others would frame them a second time. */
static bool takes_chunks(void) {
    struct slice server = meta("SERVER_SOFTWARE");
    static const char *const known[] = {"lighttpd/", "busybox httpd/"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (server.n >= strlen(known[i]) && memcmp(server.at, known[i], strlen(known[i])) == 0)
            return true;
    return false;
}

/* The body, as far as the web server tells of it (RFC 3875, section 4.1.2). One of unknown length,
 * which came in chunks or by HTTP/2, ends where the server's bytes do; where nothing says that
 * there is one, what comes, or does not, tells. Returns NULL or the error. */
static const char *find_body(struct body *body, struct input *in) {
    struct slice length = meta("CONTENT_LENGTH");
    uint64_t n = 0;
    body_start(body, in, false, 0);
    if (length.n > 0 && !num_decimal(length.at, length.n, INT64_MAX, &n))
        return "CONTENT_LENGTH is not a number";
    if (length.n > 0) {
        body_start(body, in, false, n);
        return NULL;
    }
    struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
    bool coded = getenv("HTTP_TRANSFER_ENCODING") != NULL;
    poll(&pfd, 1, slice_is(meta("REQUEST_METHOD"), "POST") ? LIMIT_CGI_BODY_MS : 0);
    if (input_read(in) > 0 || (coded && !in->ended))
        body_start_to_end(body, in);
    return NULL;
}

/* Bytes without a length that the command is to get whole: where they end, and where they break
 * off, looks the same. */
static bool lacks_length(const struct handler *d, const struct body *body,
                         struct admission_verdict *g) {
    *g = (struct admission_verdict){
        .status = 411,
        .reason = "a body without a length, which through CGI can't be told from a part of one"};
    return handler_takes_body(d) && (body->to_end || getenv("HTTP_TRANSFER_ENCODING") != NULL);
}

/* Ends the answer, then reads what is left of the request: web servers pass all of it before they
 * read a byte of the answer, or lose that where they can't (mod_cgid, fcgiwrap). */
static void finish(const struct reply *x, struct body *body) {
    int64_t ms, idle;
    handler_patience(x, &ms, &idle);
    if (!x->rest)
        return;
    if (shutdown(1, SHUT_WR) == -1)
        close(1);
    body_drop(body, clock_after(clock_now(), ms), idle);
}

static bool serve(struct handler *d, struct reply *x) {
    static struct input in;
    struct body body;
    bool whole = true;
    if (d->unusable) { /* perhaps root still: not a byte is parsed */
        x->rest = true;
        body_start_to_end(&body, &in);
        reply_send(x, 500, "", NULL);
        finish(x, &body);
        return true;
    }
    const char *error = find_body(&body, &in);
    struct admission_verdict g = judge(d), unfit;
    if (error != NULL)
        g = (struct admission_verdict){.status = 400, .reason = error};
    if (g.status == 0 && lacks_length(d, &body, &unfit))
        g = unfit;
    if (g.status == 0)
        whole = handler_run(d, x, &body);
    else
        handler_refuse(d, x, &g, &body);
    finish(x, &body);
    return whole;
}

int cgi_main(int argc, char **argv) {
    static struct handler door;
    static char *nothing[] = {NULL};
    struct reply x = {.form = FORM_CGI, .out = 1, .close = true, .chunked = takes_chunks()};
    char peer[LIMIT_PEER];
    struct slice address = meta("REMOTE_ADDR");
    (void)argv;
    if (argc > 1) {
        fputs("bastion cgi: takes no arguments\n", stderr);
        return 64;
    }
    if (fd_only_standard() == -1)
        return 71;
    if (address.at == NULL || !ucspi_address(peer, address.at))
        snprintf(peer, sizeof peer, "unknown");
    handler_open(&door, "cgi", peer, nothing);
    if (fd_nonblock(0) == -1 || fd_nonblock(1) == -1)
        return 71;
    return serve(&door, &x) ? 0 : 1;
}
