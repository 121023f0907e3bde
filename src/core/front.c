#include "core/front.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "core/relay.h"

/* Waits for a message of one of two types. False when the monitor is gone. */
static bool wait_for(struct front *f, enum message_type one, enum message_type other) {
    bool got = f->link != -1 && message_wait(f->link, &f->in, CLOCK_NEVER, NULL) == RECEIPT_MESSAGE
               && (f->in.m.type == one || f->in.m.type == other);
    if (!got)
        fd_close(&f->link);
    return got;
}

bool front_wait_ready(struct front *f) {
    if (!wait_for(f, MESSAGE_READY, MESSAGE_READY))
        return false;
    f->usable = f->in.m.ready.usable;
    f->asks_forwarded = f->in.m.ready.asks_forwarded;
    f->is_set_up = f->in.m.ready.is_set_up;
    f->in.fds[0] = f->in.fds[1] = -1; /* the connection, where it came just now, as 0 and 1 */
    size_t n = f->in.text_n < sizeof f->ready_text ? f->in.text_n : sizeof f->ready_text - 1;
    memcpy(f->ready_text, f->in.text, n); /* the rest is zero */
    return true;
}

static bool tell(struct front *f, const struct message *m, struct slice text, const int *fds,
                 size_t n) {
    if (f->link != -1 && message_send(f->link, m, text.at, text.n, fds, n) == -1)
        fd_close(&f->link);
    return f->link != -1;
}

void front_forwarded(struct front *f, const struct forwarded_for *addresses) {
    struct message m = {.type = MESSAGE_FORWARDED};
    m.forwarded.more = addresses->more;
    if (f->asks_forwarded)
        tell(f, &m,
             (struct slice){(const char *)addresses->address, addresses->n * FORWARDED_ADDRESS},
             NULL, 0);
}

static enum front_login ask(struct front *f, const struct message *m, struct slice text,
                            struct message *terms) {
    if (!tell(f, m, text, NULL, 0) || !wait_for(f, MESSAGE_ADMITTED, MESSAGE_DENIED))
        return FRONT_NOBODY;
    *terms = f->in.m;
    return f->in.m.type == MESSAGE_ADMITTED ? FRONT_ADMITTED : FRONT_DENIED;
}

enum front_login front_login(struct front *f, struct slice credential, bool may_run,
                             struct slice requested, struct message *terms) {
    struct message m = {.type = MESSAGE_LOGIN};
    struct buf b = {.at = f->in.text, .cap = LIMIT_MESSAGE_TEXT}; /* nothing is received now */
    buf_bytes(&b, requested.at, requested.n);
    buf_bytes(&b, credential.at, credential.n);
    if (!may_run || b.full)
        return ask(f, &m, credential, terms);
    m.login.may_run = true;
    m.login.has_request = requested.at != NULL;
    m.login.request_n = (uint32_t)requested.n;
    return ask(f, &m, (struct slice){b.at, b.len}, terms);
}

enum front_login front_hook(struct front *f, const struct hook_claim *claim,
                            struct message *terms) {
    return ask(f, &(struct message){.type = MESSAGE_HOOK},
               (struct slice){(const char *)claim, sizeof *claim}, terms);
}

bool front_body(struct front *f, struct slice bytes) {
    const struct message m = {.type = MESSAGE_BODY};
    return tell(f, &m, bytes, NULL, 0) && wait_for(f, MESSAGE_TAKEN, MESSAGE_TAKEN);
}

enum front_login front_verify(struct front *f, struct message *terms) {
    return ask(f, &(struct message){.type = MESSAGE_VERIFY}, (struct slice){NULL, 0}, terms);
}

bool front_value(struct front *f, const struct json_found *value, bool repeated) {
    struct message m = {.type = MESSAGE_VALUE};
    m.value.kind = (uint8_t)value->kind;
    m.value.unusable = value->unusable;
    m.value.repeated = repeated;
    return tell(f, &m, (struct slice){value->text, value->n}, NULL, 0)
           && wait_for(f, MESSAGE_TAKEN, MESSAGE_TAKEN);
}

void front_note_refusal(struct front *f, int status, const char *reason) {
    struct message m = {.type = MESSAGE_REFUSAL};
    m.refusal.status = status;
    size_t n = strlen(reason);
    if (n > LIMIT_REFUSAL_TEXT)
        n = LIMIT_REFUSAL_TEXT;
    if (tell(f, &m, (struct slice){reason, n}, NULL, 0))
        wait_for(f, MESSAGE_NOTED, MESSAGE_NOTED);
}

/* Puts the request into one message. */
static bool send_run(struct front *f, const struct front_request *request) {
    struct message m = {.type = MESSAGE_RUN};
    struct buf b = {.at = f->in.text, .cap = LIMIT_MESSAGE_TEXT}; /* nothing is received now */
    bool terminal = request->form == RUN_TERMINAL;
    m.run.form = (uint8_t)request->form;
    m.run.has_request = request->requested.at != NULL;
    m.run.leads_terminal = request->leads_terminal;
    m.run.way = request->way;
    m.run.request_n = (uint32_t)request->requested.n;
    buf_bytes(&b, request->requested.at, request->requested.n);
    for (char *const *v = request->variables; v != NULL && *v != NULL; v++)
        buf_bytes(&b, *v, strlen(*v) + 1);
    return !b.full && tell(f, &m, (struct slice){b.at, b.len}, &request->terminal, terminal);
}

/* What was asked for with success is served. */
static void relay(struct front *f, bool asked, struct frontend *c, struct outcome *o) {
    struct relay relay = {.client = c, .link = f->link, .in = &f->in};
    *o = (struct outcome){.kind = OUTCOME_ERROR, .code = 71};
    if (!asked)
        return;
    relay_run(&relay, o);
    f->link = relay.link;
    f->is_last = f->link == -1 || f->in.m.outcome.is_last;
}

static bool send_follow(struct front *f, int what, struct slice run) {
    struct message m = {.type = MESSAGE_FOLLOW};
    m.follow.what = (uint8_t)what;
    return tell(f, &m, run, NULL, 0);
}

void front_follow(struct front *f, int what, struct slice run, struct frontend *c) {
    struct outcome o;
    relay(f, send_follow(f, what, run), c, &o);
    c->ops->ended(c, &o);
}

void front_runs(struct front *f, struct frontend *c) {
    const struct message m = {.type = MESSAGE_RUNS};
    struct outcome o;
    relay(f, tell(f, &m, (struct slice){NULL, 0}, NULL, 0), c, &o);
    c->ops->ended(c, &o);
}

enum front_login front_ask_record(struct front *f, int what, struct slice run,
                                  struct record_about *about) {
    if (!send_follow(f, what, run) || !wait_for(f, MESSAGE_RECORD, MESSAGE_REFUSED))
        return FRONT_NOBODY;
    if (f->in.m.type == MESSAGE_REFUSED)
        return f->in.m.outcome.kind == OUTCOME_UNKNOWN ? FRONT_DENIED : FRONT_NOBODY;
    if (f->in.text_n != sizeof *about)
        return FRONT_NOBODY;
    memcpy(about, f->in.text, sizeof *about);
    return FRONT_ADMITTED;
}

void front_run(struct front *f, const struct front_request *request, struct frontend *c) {
    struct outcome o;
    relay(f, request->runs || send_run(f, request), c, &o);
    o.requested = request->requested.at;
    o.requested_n = request->requested.n;
    c->ops->ended(c, &o);
}
