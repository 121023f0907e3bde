/* handler.h: what http and cgi have in common: settings taken up once, then one judged request after the other. */
#ifndef HTTP_HANDLER_H
#define HTTP_HANDLER_H

#include <stdbool.h>

#include "http/response.h"
#include "http/admission.h"
#include "http/auth.h"
#include "core/session.h"
#include "core/settings.h"

/* What a request asks for: the value of X-Bastion-Command, which counts in broker mode alone. */
struct wish {
    size_t given; /* how often the field stood there */
    size_t n;
    char at[LIMIT_REQUEST + 1]; /* a longer one is one byte longer than any may be */
};

struct door {
    const char *channel; /* http or cgi */
    char peer[LIMIT_PEER];
    char user[LIMIT_USER]; /* the name in the client's certificate, which goes before the credential's; or empty */
    bool faulty; /* the settings can't be used: every answer is 500, and the log says why */
    struct auth auth;
    struct settings settings;
    struct session session;
    struct wish wish; /* of the request at hand */
    struct answer answer;
};

/* Makes the process safe (descriptors, signals, memory dumps), reads the settings, takes the credential and becomes the
 * account. `environment` is the administrator's, or an empty list where the client writes it. */
void door_open(struct door *d, const char *channel, const char *peer, char *const *environment);

/* Writes the line that a refused request leaves in the log. */
void door_note(const struct door *d, int status, const char *reason, bool login);

/* Notes what the request asks for, before its body is read over it. */
void door_wish(struct door *d, size_t given, struct slice value);

/* Answers a request that gate_judge let through: runs the command, at once. Its body is the command's input where HTTP_STDIN says so;
 * else it is read and dropped meanwhile. True when the answer ended well. */
bool door_run(struct door *d, struct exchange *x, struct body *body);

/* Whether the request's body is the command's input. */
bool door_takes_body(const struct door *d);

/* Answers one that it did not let through, and reads its body first, as far as it comes soon. */
void door_refuse(struct door *d, struct exchange *x, const struct gate_answer *g, struct body *body);

/* How long what is left of a request is waited for, once the answer is out: `ms` and `idle` are what body_drop and peer_drain take. */
void door_patience(const struct exchange *x, int64_t *ms, int64_t *idle);

#endif
