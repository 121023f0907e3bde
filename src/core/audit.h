/* audit.h: one line for every event, in the log and never to the client. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/settings.h"

/* What one line says. A field that is NULL (or negative) is left out. Texts may hold any byte: they
 * are quoted. */
struct audit {
    /* start, end, deny, login, logout, skip, refuse, wait, gone, fault; of process 1: notice,
     * ready, stop, syslog */
    const char *event;
    const char *run;
    const char *channel, *role, *user, *peer;
    const char *verdict;  /* allow or deny */
    const char *delivery; /* a webhook's, by its identifier */
    const char *key;      /* the fingerprint of the SSH key */
    const char *mode;     /* force or broker */
    const char *rule;
    const char *text; /* the command, or with `is_request` the request, of text_n bytes */
    bool is_request;
    size_t text_n;
    const char *message; /* somebody else's line, of message_n bytes */
    size_t message_n;
    const char *reason;
    int status; /* of HTTP, where the request itself was refused */
    int exit, signal;
    int64_t ms, bytes;
};

#define AUDIT_EMPTY                                                                                \
    { .status = -1, .exit = -1, .signal = -1, .ms = -1, .bytes = -1 }

/* What every line of a refusal says: event and verdict are `deny`. The caller adds what else it
 * knows, and writes it. `peer` may be NULL. */
struct audit audit_denial(const char *channel, const char *peer, const char *reason);

/* Takes up AUDIT, AUDIT_MASK and AUDIT_REQUEST. Whatever the mask matches in a request or command
 * stands as *** in every line; of a request there is no more than AUDIT_REQUEST says. Text, no mask
 * and whole requests until this is called. `valid`: settings_read has found no error; else there is
 * no mask to be had, and of a request no more than its first word is shown. */
void audit_use(const struct settings *s, bool valid);

enum { AUDIT_MASK_ERROR = 256 }; /* bytes of such a text */
/* What is wrong with an extended regular expression as a mask, put at `text`; or NULL. */
const char *audit_mask_error(const char *mask, char text[AUDIT_MASK_ERROR]);

/* From now on every line that has a peer has these proxies as via= (base/ucspi.h): those that have
 * passed the connection on, and, until it is called with NULL, one more that is the nearest. */
void audit_use_via(const char *proxies);
void audit_forwarded_by(const char *nearest);

/* Writes the line. Returns 0, or -1 when no log took it: what it announces must not happen then.
 * That of a fault is left in RUN_DIR then, as the file `unlogged`. */
int audit_write(const struct audit *a);

/* The line for something that works, but perhaps not as the administrator meant it. */
void audit_notice(const char *channel, const char *reason);

/* The line for an error of ours or of the settings; `reason` names it. */
void audit_error(const char *channel, const char *peer, const char *reason);

#endif
