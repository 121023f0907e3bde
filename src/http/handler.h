/* handler.h: what http and cgi have in common: settings taken up once, then one judged request
 * after the other. */
#ifndef HTTP_HANDLER_H
#define HTTP_HANDLER_H

#include <stdbool.h>

#include "http/response.h"
#include "http/admission.h"
#include "http/auth.h"
#include "base/rate.h"
#include "core/session.h"
#include "core/settings.h"

/* What a request asks for: the value of X-Bastion-Command, which counts in broker mode alone. */
struct requested {
    size_t given; /* how often the field stood there */
    size_t n;
    char at[LIMIT_REQUEST + 1]; /* a longer one is one byte longer than any may be */
};

struct handler {
    const char *channel; /* http or cgi */
    char peer[LIMIT_PEER];
    /* the name in the client's certificate, which goes before the credential's; or empty */
    char user[LIMIT_USER];
    struct rate denials; /* lines of the log on refused requests, without `bastion init` */
    bool unusable;       /* the settings can't be used: every answer is 500, and the log says why */
    struct auth auth;
    struct settings settings;
    struct session session;
    struct requested requested; /* of the request at hand */
    struct response answer;
};

/* Makes the process safe (descriptors, signals, memory dumps), reads the settings, takes the
 * credential and becomes the account. `environment` is the administrator's, or an empty list where
 * the client writes it. */
void handler_open(struct handler *d, const char *channel, const char *peer,
                  char *const *environment);

/* Writes the line that a refused request leaves in the log, or has it counted where there were
 * enough of them in this second: by `bastion init`, where that has accepted the connection, else
 * here: then the next line says how many were left out. */
void handler_note_refusal(struct handler *d, int status, const char *reason, bool login);

/* At the end of a connection: says how many were left out since the last line. */
void handler_note_left_out(struct handler *d);

/* Notes what the request asks for, before its body is read over it. */
void handler_note_command(struct handler *d, size_t given, struct slice value);

/* Answers a request that admission_judge let through: runs the command, at once. Its body is the
 * command's input where HTTP_STDIN says so; else it is read and dropped meanwhile. True when the
 * answer ended well. */
bool handler_run(struct handler *d, struct reply *x, struct body *body);

/* Whether the request's body is the command's input. */
bool handler_takes_body(const struct handler *d);

/* Answers one that it did not let through, and reads its body first, as far as it comes soon. */
void handler_refuse(struct handler *d, struct reply *x, const struct admission_verdict *g,
                    struct body *body);

/* How long what is left of a request is waited for, once the answer is out: `ms` and `idle` are
 * what body_drop and peer_drain take. */
void handler_patience(const struct reply *x, int64_t *ms, int64_t *idle);

#endif
