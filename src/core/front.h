/* front.h: the monitor, as the front of a connection knows it: asked whether a credential is right,
 * and to run what a client asks for (core/message.h). */
#ifndef CORE_FRONT_H
#define CORE_FRONT_H

#include <stdbool.h>

#include "core/frontend.h"
#include "core/hook.h"
#include "core/message.h"
#include "core/run.h"
#include "wire/forwarded_for.h"
#include "wire/json_push.h"

struct front {
    int link;             /* to the monitor; -1 once it is gone, or done with */
    bool usable;          /* the settings can be used; else every request is an error of ours */
    bool asks_forwarded;  /* a proxy's word on its client counts */
    bool is_set_up;       /* the connection has come so that it does not block */
    bool is_last;         /* the monitor serves no further request */
    char ready_text[512]; /* how a client is asked for a credential */
    struct received in;
};

/* Waits for what the monitor says first. False when it is gone. */
bool front_wait_ready(struct front *f);

enum front_login { FRONT_ADMITTED, FRONT_DENIED, FRONT_NOBODY };

/* Asks whether a credential is right, and with `may_run` to run what is asked for (at == NULL:
 * nothing) if it is. FRONT_ADMITTED: *terms says how the request is to be served, and one front_run
 * may follow, or has to where it runs already. FRONT_NOBODY: the monitor is gone. */
enum front_login front_login(struct front *f, struct slice credential, bool may_run,
                             struct slice requested, struct message *terms);

/* Says, where that counts, whom the next request's proxy speaks for: to be called for each, before
 * anything else is said of it. */
void front_forwarded(struct front *f, const struct forwarded_for *addresses);

/* Asks how a delivery of a webhook is to be served, whose signature is another question: then
 * f->in.text has the paths of the values that are asked for, each with its NUL. */
enum front_login front_hook(struct front *f, const struct hook_claim *claim, struct message *terms);

/* Gives the next bytes of its body, LIMIT_MESSAGE_TEXT at most; then asks whether that was signed;
 * then gives the values, in the order of their paths. False when the monitor is gone. */
bool front_body(struct front *f, struct slice bytes);
enum front_login front_verify(struct front *f, struct message *terms);
bool front_value(struct front *f, const struct json_found *value, bool repeated);

/* Has a line written in the log on a request that was refused here; the log has it then. */
void front_note_refusal(struct front *f, int status, const char *reason);

/* Asks what the record of the run says (`what`: MESSAGE_FOLLOW_STATE), or for its end. `run` is 16
 * hexadecimal digits. FRONT_DENIED: there is no such run. */
enum front_login front_ask_record(struct front *f, int what, struct slice run,
                                  struct record_about *about);

struct front_request {
    bool runs; /* it is being served since front_login */
    enum run_form form;
    struct slice requested; /* at == NULL: nothing */
    /* that the client may give the command, NAME=VALUE, or NULL; what monitor_passes_variable does
     * not pass is left out */
    char *const *variables;
    int terminal; /* RUN_TERMINAL: the descriptor */
    bool leads_terminal;
    uint8_t way; /* MESSAGE_RUN_ASYNC ... */
};

/* Has it run, and carries output and input between the command and the client `c`, whose
 * c->ops->ended is called exactly once. */
void front_run(struct front *f, const struct front_request *request, struct frontend *c);

/* Passes on in the same way a run that is kept (MESSAGE_FOLLOW_OUTPUT or _NOW); or what the records
 * say of all, as struct record_about one behind the other. */
void front_follow(struct front *f, int what, struct slice run, struct frontend *c);
void front_runs(struct front *f, struct frontend *c);

#endif
