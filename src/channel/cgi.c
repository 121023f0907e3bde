#include "channel/cgi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/ucspi.h"
#include "channel/door.h"

/* Everything in this process's environment but the meta-variables below is the client's (a field `Token:` is
 * HTTP_TOKEN here) or the web server's: no setting and nothing of the command's comes from it. */
static struct slice meta(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? (struct slice){value, strlen(value)} : (struct slice){NULL, 0};
}

/* The web server has chosen this program by the path; what it left over must be nothing. */
static struct gate_answer judge(struct door *d) {
    struct slice rest = meta("PATH_INFO");
    struct gate_request rq = {
        .method = meta("REQUEST_METHOD"),
        .path = rest.n == 0 ? (struct slice){"/cgi-bin/run", 12} : rest,
        .authority = meta("HTTP_HOST"),
        .origin = meta("HTTP_ORIGIN"),
        .referer = meta("HTTP_REFERER"),
        .site = meta("HTTP_SEC_FETCH_SITE"),
        .purpose = {meta("HTTP_SEC_PURPOSE"), meta("HTTP_PURPOSE"), meta("HTTP_X_PURPOSE"), meta("HTTP_X_MOZ")},
        .authorization = meta("HTTP_AUTHORIZATION"),
        .range = getenv("HTTP_RANGE") != NULL,
    };
    rq.authorizations = rq.authorization.at != NULL;
    struct slice wish = meta("HTTP_X_BASTION_COMMAND");
    door_wish(d, wish.at != NULL, wish);
    return gate_judge(&rq, &d->auth);
}

/* A CGI answer of unknown length just ends, so that a failed run would look like a good one. These web servers pass
 * chunks on, with their missing end; others would frame them a second time. */
static bool takes_chunks(void) {
    struct slice server = meta("SERVER_SOFTWARE");
    static const char *const known[] = {"lighttpd/", "busybox httpd/"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (server.n >= strlen(known[i]) && memcmp(server.at, known[i], strlen(known[i])) == 0)
            return true;
    return false;
}

static int serve(struct door *d, struct exchange *x) {
    static struct input in;
    struct body body;
    struct slice length = meta("CONTENT_LENGTH");
    uint64_t n = 0;
    if (d->faulty) {
        exchange_reply(x, 500, "", "Internal Server Error\n");
        return 0;
    }
    struct gate_answer g = judge(d);
    if (length.n > 0 && !num_decimal(length.at, length.n, INT64_MAX, &n))
        g = (struct gate_answer){.status = 400, .reason = "CONTENT_LENGTH is not a number"};
    if (g.status != 0) {
        door_refuse(d, x, &g);
        return 0;
    }
    body_start(&body, &in, false, n);
    bool is_input = settings_number(&d->settings, HTTP_STDIN) == STDIN_BODY;
    return door_run(d, x, is_input ? &body : NULL) ? 0 : 1;
}

int cgi_main(int argc, char **argv) {
    static struct door door;
    static char *nothing[] = {NULL};
    struct exchange x = {.form = FORM_CGI, .out = 1, .close = true, .chunked = takes_chunks()};
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
    door_open(&door, "cgi", peer, nothing);
    if (fd_nonblock(0) == -1 || fd_nonblock(1) == -1)
        return 71;
    int status = serve(&door, &x);
    door_close(&door);
    return status;
}
