/* handler.h: what `bastion http` and `bastion cgi` have in common: the start of the program, and
 * what becomes of a request once its head is known. */
#ifndef HTTP_HANDLER_H
#define HTTP_HANDLER_H

#include <stdbool.h>

#include "http/response.h"
#include "http/admission.h"
#include "http/auth.h"
#include "base/rate.h"
#include "core/session.h"
#include "core/settings.h"

/* The value of X-Bastion-Command, kept because a body is read over the head that it stands in. It
 * counts in broker mode alone. */
struct command_field {
    size_t count; /* how often the field is there */
    size_t n;
    char at[LIMIT_REQUEST + 1]; /* of a longer one so much that it is seen to be too long */
};

struct handler {
    const char *channel; /* http or cgi, for log and command */
    char peer[LIMIT_PEER];
    /* the name in the client's certificate, which goes before the credential's; or empty */
    char user[LIMIT_USER];
    struct rate denials; /* lines of the log on refused requests, without `bastion init` */
    bool unusable; /* the settings can't be used: every response is 500, and the log says why */
    struct auth auth;
    struct settings settings;
    struct session session;
    struct command_field command; /* of the request at hand */
    struct response response;     /* to it */
};

/* Makes the process safe (signals, memory dumps), reads the settings, takes the credential out of
 * them and becomes the account of the commands. `environment` is the administrator's, or an empty
 * list where the client writes it. */
void handler_open(struct handler *h, const char *channel, const char *peer,
                  char *const *environment);

/* Keeps what the request asks for: `value` is the first of `count` fields. */
void handler_keep_command(struct handler *h, size_t count, struct slice value);

/* Whether the request's body is the command's input. */
bool handler_takes_body(const struct handler *h);

/* Serves a request that admission_judge let through: runs the command and sends the response. The
 * body is the command's input, or is read and dropped meanwhile. Returns false when the response
 * was cut. */
bool handler_run(struct handler *h, struct reply *reply, struct body *body);

/* Serves a request that `verdict` does not let through: logs it, reads as much of its body as comes
 * soon, and sends the response. */
void handler_refuse(struct handler *h, struct reply *reply, const struct admission_verdict *verdict,
                    struct body *body);

/* Writes the log's line on a refused request, or has it counted where there were enough of them in
 * this second: by `bastion init`, where that has accepted the connection, else here: then the next
 * line says how many were left out. */
void handler_log_refusal(struct handler *h, int status, const char *reason, bool failed_login);

/* At the end of a connection: says how many were left out since the last line. */
void handler_log_left_out(struct handler *h);

/* How long the rest of a request is read once the response is out: `ms` altogether, `idle` between
 * two bytes, as body_drop takes them. */
void handler_drain_time(const struct reply *reply, int64_t *ms, int64_t *idle);

#endif
