/* session.h: from a request to its outcome: the account that commands run as, the policy's
 * decision, the lock, the records of the audit, the command, and what the front is told of it. This
 * is the monitor's: the requests of http, cgi and the login shell are served by it alone. */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/account.h"
#include "core/await.h"
#include "core/deliveries.h"
#include "core/lock.h"
#include "core/policy.h"
#include "core/record.h"
#include "core/roles.h"
#include "core/run.h"
#include "core/shared_run.h"
#include "core/settings.h"

enum { SESSION_RUN_ID = MESSAGE_RUN_ID };

/* What a process needs to serve requests. */
struct session {
    const struct settings *settings;
    char *const *environment; /* the administrator's, an empty list where the client writes it */
    struct account account;   /* whom commands run as */
    struct lock lock;
    struct delivery delivery;    /* at hand; its fd is -1 where there is none */
    struct shared_run shared;    /* where COMMAND_LOCK is rerun or join */
    char shares[SESSION_RUN_ID]; /* the run that the request at hand shares; or empty */
    struct run run;              /* the last one */
    bool opened;
    const char *unusable;  /* session_refuse */
    struct record *record; /* of the run at hand, or NULL */
    bool is_keeper;        /* this process is one (core/keeper.h) ... */
    bool is_announced;     /* ... and the monitor knows that it has the run */
    /* last, since most of these is room that a run may never touch */
    struct decision decision; /* on the request at hand */
    struct policy policy;
    char error[LIMIT_ERROR]; /* why nothing may be served, or what a request's outcome tells */
    char busy[256];          /* what is under way, where a request's outcome tells of it */
};

/* A request whose credential was right. */
struct request {
    const char *channel; /* http, cgi, ssh */
    const char *user, *peer;
    const char *run; /* its name: session_new_run */
    /* what it asks for; at == NULL: nothing. It counts in broker mode alone */
    struct slice requested;
    enum run_form form;
    int terminal;           /* RUN_TERMINAL: open here */
    bool leads_terminal;    /* no session has it */
    uint8_t way;            /* MESSAGE_RUN_ASYNC ... */
    char *const *variables; /* that the client may give the command, NAME=VALUE, or NULL */
    /* of a webhook's delivery: the run goes on without its client; its identifier, by which it runs
     * once, or NULL; and its body, the command's standard input, or -1 */
    bool is_hook;
    const char *delivery;
    int input;
};

/* A new run's name: 16 hexadecimal digits, at random. */
void session_new_run(char out[SESSION_RUN_ID]);

/* Takes up the settings: mode, lock, account. Returns 0, or -1 with s->error: then nothing may be
 * served. */
int session_open(struct session *s, const struct settings *settings, char *const *environment);

/* Makes of it one in which no request can be served; each is recorded with the reason. */
void session_refuse(struct session *s, const struct settings *settings, const char *reason);

/* The session of a role. */
struct role_session {
    struct settings settings;
    struct session session;
    char name[LIMIT_ROLE_NAME + 1], folder[LIMIT_PATH];
};

/* Makes it that of the role `name`, whose folder is in ROLES_DIR as `outside` has it: one in which
 * no request can be served where what the folder says is no good. It may be used before, and then
 * is all zero or was opened in this way. */
void session_open_role(struct role_session *s, const struct settings *outside,
                       char *const *environment, const char *name);

/* What of a session that was opened, or is all zero, is left to close before it is opened anew. */
void session_close(struct session *s);

/* Serves one request: decides, takes the lock, writes the audit, runs the command as the account,
 * and tells the front what becomes of it: REFUSED, or STARTED and in the end ENDED. A front that
 * goes away is a client that does; the run always gets the line of its end. One that is kept, of a
 * webhook or as rq->way says, has a process of its own (core/keeper.h), and what this one tells the
 * front of it is what it finds in the record. True when another request may follow; false when this
 * process was told to end. */
bool session_serve(struct session *s, const struct request *rq, struct front_link *front);

/* Whether the variable whose name is these n bytes reaches the command from the administrator's
 * environment: not the settings, nor what a superserver says of a connection, nor what the command
 * gets of its own. */
bool session_passes(const char *name, size_t n);

#endif
