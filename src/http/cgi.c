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
#include "http/http_monitor.h"
#include "wire/form.h"

extern char **environ;

/* ---- the request ---- */

/* The meta-variable (RFC 3875, section 4.1), at == NULL where it is absent or, which is no
 * difference there, empty: uhttpd sets all that it knows. Nothing else is taken
 * from this process's environment, neither a setting nor a variable for the command: it is the
 * client's (of a field `Token:` the web server makes HTTP_TOKEN) or the web server's. */
static struct slice meta_variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? (struct slice){value, strlen(value)}
                                             : (struct slice){NULL, 0};
}

static bool has_meta_variable(const char *name) { return meta_variable(name).at != NULL; }

/* Of the request's fields uhttpd passes on a dozen, and Origin, Range and X-Bastion-Command are
 * none of them. It puts chunks of its own around every body. */
static bool server_is_uhttpd(void) { return slice_is(meta_variable("SERVER_SOFTWARE"), "uhttpd"); }

static bool server_is_one_of(const char *const *names, size_t n) {
    struct slice server = meta_variable("SERVER_SOFTWARE");
    for (size_t i = 0; i < n; i++)
        if (server.at != NULL && server.n >= strlen(names[i])
            && memcmp(server.at, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* Whether a field X_Forwarded_For, as any client can send it, is left out by the web server and
 * does not become the variable that the proxy's field becomes, too (lighttpd, busybox httpd). */
static bool server_tells_names_apart(void) {
    static const char *const known[] = {"Apache", "nginx/"};
    return server_is_one_of(known, sizeof known / sizeof *known);
}

/* Says whom the web server's client speaks for, where that is a proxy whose word counts. Where it
 * may not be the proxy's word, nobody knows where the client is. */
static void tell_forwarded(struct front *f) {
    static const char name[] = "HTTP_X_FORWARDED_FOR=";
    struct forwarded_for addresses = {.n = 0};
    size_t count = 0;
    for (char **variable = environ; *variable != NULL; variable++)
        if (strncmp(*variable, name, sizeof name - 1) == 0 && (*variable)[sizeof name - 1] != '\0'
            && count++ == 0) {
            const char *value = *variable + sizeof name - 1;
            forwarded_for_add(&addresses, (struct slice){value, strlen(value)});
        }
    if (count > 1 || (count == 1 && !server_tells_names_apart()))
        addresses = (struct forwarded_for){.more = true};
    front_forwarded(f, &addresses);
}

/* Asks http/admission.h, then the monitor; keeps X-Bastion-Command for a request that may run. The
 * web server has chosen this program by the path; of the path there must be nothing left over
 * (PATH_INFO). */
static struct admission_verdict judge_cgi_request(struct handler *h) {
    struct slice path_info = meta_variable("PATH_INFO"),
                 run_path = {ADMISSION_RUN_PATH, strlen(ADMISSION_RUN_PATH)};
    struct admission_request request = {
        .method = meta_variable("REQUEST_METHOD"),
        .path = path_info.n == 0 ? run_path : path_info,
        .authority = meta_variable("HTTP_HOST"),
        .origin = meta_variable("HTTP_ORIGIN"),
        .referer = meta_variable("HTTP_REFERER"),
        .fetch_site = meta_variable("HTTP_SEC_FETCH_SITE"),
        .purpose = {meta_variable("HTTP_SEC_PURPOSE"), meta_variable("HTTP_PURPOSE"),
                    meta_variable("HTTP_X_PURPOSE"), meta_variable("HTTP_X_MOZ")},
        .authorization = meta_variable("HTTP_AUTHORIZATION"),
        .hides_origin = server_is_uhttpd(),
    };
    h->preferences = (struct preferences){.json = preferences_json(meta_variable("HTTP_ACCEPT"))};
    handler_keep_command(h, has_meta_variable("HTTP_X_BASTION_COMMAND"),
                         meta_variable("HTTP_X_BASTION_COMMAND"));
    struct admission_verdict verdict = admission_judge(&request);
    if (verdict.status == 0)
        verdict = handler_login(h, request.authorization, false);
    return verdict.status != 0 ? verdict : admission_judge_range(has_meta_variable("HTTP_RANGE"));
}

/* ---- its body ---- */

/* Finds the body, as far as the web server tells of it (RFC 3875, section 4.1.2). One of unknown
 * length, which came in chunks or over HTTP/2, ends where the server's bytes do. Where nothing says
 * that there is a body, there is one if bytes come. Returns NULL, or the error. */
static const char *find_cgi_body(struct body *body, struct input *in) {
    struct slice length = meta_variable("CONTENT_LENGTH");
    uint64_t n = 0;
    body_start(body, in, false, 0);
    if (length.n > 0 && !num_decimal(length.at, length.n, INT64_MAX, &n))
        return "CONTENT_LENGTH is not a number";
    if (length.n > 0) {
        body_start(body, in, false, n);
        return NULL;
    }
    struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
    bool coded = has_meta_variable("HTTP_TRANSFER_ENCODING");
    poll(&pfd, 1, slice_is(meta_variable("REQUEST_METHOD"), "POST") ? LIMIT_CGI_BODY_MS : 0);
    if (input_read(in) > 0 || (coded && !in->ended))
        body_start_to_end(body, in);
    return NULL;
}

/* Whether the command is to get bytes whose count nobody knows; *verdict refuses the request then,
 * since their end can't be told from the place where they break off. */
static bool lacks_content_length(const struct handler *h, const struct body *body,
                                 struct admission_verdict *verdict) {
    *verdict = (struct admission_verdict){
        .status = 411,
        .reason = "a body without a length, which through CGI can't be told from a part of one"};
    return handler_takes_body(h) && (body->to_end || has_meta_variable("HTTP_TRANSFER_ENCODING"));
}

/* ---- a form that says what to run ---- */

/* A broker's request whose field X-Bastion-Command did not come, and whose body can have it. */
static bool has_form(const struct handler *h) {
    return h->terms.admitted.is_broker && h->commands == 0 && !handler_takes_body(h)
           && slice_is(meta_variable("REQUEST_METHOD"), "POST")
           && form_is_type(meta_variable("CONTENT_TYPE"));
}

/* Waits until all of a body with a length, which fits the window, stands in that. */
static bool read_whole_body(struct input *in, size_t n) {
    int64_t deadline = clock_after(clock_now(), LIMIT_HEAD_MS);
    for (int64_t left; in->end - in->start < n;) {
        struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
        ssize_t got = input_read(in);
        if (got > 0)
            continue;
        left = deadline - clock_now();
        if (got == 0 || left <= 0 || poll(&pfd, 1, (int)left) == 0)
            return false;
    }
    return true;
}

/* Takes the request from the form's field `command`, which has to be its only one. Any site can
 * make a browser send such a form, so that a credential counts which no browser sends by itself. */
static struct admission_verdict read_form(struct handler *h, struct body *body) {
    struct input *in = body->in;
    struct admission_verdict verdict = {.status = 0};
    if (!admission_is_bearer(meta_variable("HTTP_AUTHORIZATION")))
        verdict = (struct admission_verdict){
            .status = 403,
            .reason = "a form that names a command, without a bearer token",
            .text = "A form can name the command only with a bearer token."};
    else if (body->to_end || body->length > LIMIT_FORM)
        verdict = (struct admission_verdict){
            .status = body->to_end ? 411 : 413,
            .reason = "a form that names a command, too long or of unknown length",
            .text = "A form that names the command needs a Content-Length, of " LIMIT_TEXT(
                LIMIT_FORM) " at most."};
    else if (!read_whole_body(in, (size_t)body->length))
        verdict = (struct admission_verdict){.status = 408, .reason = "a form that did not end"};
    if (verdict.status != 0)
        return verdict;
    ptrdiff_t n = form_value((struct slice){in->at + in->start, (size_t)body->length}, "command",
                             h->command, sizeof h->command);
    body_skip(body);
    if (n == -1)
        return (struct admission_verdict){
            .status = 400,
            .reason = "a form that is not command=... alone",
            .text = "Bad Request: the form has to have one field, command."};
    h->commands = 1;
    h->command_n = (size_t)n;
    return verdict;
}

/* ---- the response ---- */

/* Whether the web server passes chunks on as they are, with their missing end: else output of
 * unknown length just ends, and a failed run looks like a good one. Other servers would send our
 * chunks as the content of theirs. */
static bool server_passes_chunks(void) {
    static const char *const known[] = {"lighttpd/", "busybox httpd/"};
    return server_is_one_of(known, sizeof known / sizeof *known);
}

/* Ends the response, then reads the rest of the request: web servers pass all of it on before they
 * read a byte of the response, and lose that where they can't (mod_cgid, fcgiwrap). */
static void finish_response(const struct reply *reply, struct body *body) {
    int64_t ms, idle;
    handler_drain_time(reply, &ms, &idle);
    if (!reply->unread)
        return;
    if (shutdown(1, SHUT_WR) == -1)
        close(1);
    body_drop(body, clock_after(clock_now(), ms), idle);
}

/* Returns the exit status. */
static int serve_cgi_request(struct front *f) {
    static struct input in;  /* large */
    static struct handler h; /* large */
    struct reply reply = {.form = REPLY_CGI,
                          .out = 1,
                          .close = true,
                          .chunked = server_passes_chunks(),
                          .no_length = server_is_uhttpd()};
    struct body body;
    bool whole = true;
    h.front = f;
    if (!front_wait_ready(f) || fd_nonblock(0) == -1 || fd_nonblock(1) == -1)
        return 71;
    if (!f->usable) {
        reply.unread = true;
        body_start_to_end(&body, &in);
        reply_send(&reply, 500, "", NULL);
        finish_response(&reply, &body);
        return 0;
    }
    tell_forwarded(f);
    const char *error = find_cgi_body(&body, &in);
    struct admission_verdict verdict = judge_cgi_request(&h), no_length;
    if (error != NULL)
        verdict = (struct admission_verdict){.status = 400, .reason = error};
    if (verdict.status == 0 && lacks_content_length(&h, &body, &no_length))
        verdict = no_length;
    if (verdict.status == 0 && has_form(&h))
        verdict = read_form(&h, &body);
    if (verdict.status == 0)
        whole = handler_run(&h, &reply, &body);
    else
        handler_refuse(&h, &reply, &verdict, &body);
    finish_response(&reply, &body);
    return whole ? 0 : 1;
}

int cgi_main(int argc, char **argv) {
    static char *no_environment[] = {NULL};
    char peer[LIMIT_PEER];
    struct slice address = meta_variable("REMOTE_ADDR");
    (void)argv;
    if (argc > 1) {
        fputs("bastion cgi: takes no arguments\n", stderr);
        return 64;
    }
    if (fd_only_standard() == -1)
        return 71;
    if (address.at == NULL || !ucspi_address(peer, address.at))
        snprintf(peer, sizeof peer, "unknown");
    const struct http_connection connection = {.channel = "cgi",
                                               .peer = peer,
                                               .user = "",
                                               .environment = no_environment,
                                               .serve = serve_cgi_request};
    return http_monitor_run(&connection);
}
