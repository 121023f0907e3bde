#include "core/monitor.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/audit.h"
#include "core/client.h"
#include "core/monitor_parts.h"
#include "core/runs.h"
#include "wire/forwarded_for.h"

/* ---- what of a client's variables reaches the command ---- */

static bool is_safe_value(const char *value) {
    size_t n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+-");
    return n > 0 && n < 64 && value[n] == '\0' && value[0] != '.' && value[0] != '-';
}

static bool is_locale_name(const char *name, size_t n) {
    if (n == 4)
        return memcmp(name, "LANG", 4) == 0 || memcmp(name, "TERM", 4) == 0;
    return n > 3 && n < 32 && memcmp(name, "LC_", 3) == 0
           && strspn(name + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == n - 3;
}

bool monitor_passes_variable(const char *variable) {
    size_t n = strcspn(variable, "=");
    return variable[n] == '=' && is_locale_name(variable, n) && is_safe_value(variable + n + 1);
}

/* ---- the messages ---- */

void monitor_send(struct monitor *m, const struct message *message, const char *text) {
    size_t n = text != NULL ? strlen(text) : 0;
    front_link_send(&m->front, message, text, n, NULL, 0);
}

void monitor_answer_login(struct monitor *m, struct monitor_turn *turn, const char *reason,
                          struct slice text, bool runs) {
    const struct settings *s = m->session->settings; /* the login has decided which */
    struct message answer = {.type = reason == NULL ? MESSAGE_ADMITTED : MESSAGE_DENIED};
    if (reason == NULL) {
        answer.admitted.is_broker = m->session->policy.mode == POLICY_BROKER;
        answer.admitted.takes_input = settings_number(s, SETTING_HTTP_STDIN) == HTTP_STDIN_BODY;
        answer.admitted.runs = runs;
        answer.admitted.hook_ok = settings_number(s, SETTING_HOOK_OK) == HOOK_OK_ON;
        answer.admitted.hold_ms = (int64_t)settings_number(s, SETTING_HTTP_HOLD_MS);
        answer.admitted.heartbeat_ms = (int64_t)settings_number(s, SETTING_HTTP_HEARTBEAT) * 1000;
        answer.admitted.most = m->hook != NULL ? (int64_t)m->hook->most : 0;
    } else {
        m->refused(m, 401, reason, true);
        turn->not_before = clock_after(clock_now(), LIMIT_DENIED_MS);
    }
    front_link_send(&m->front, &answer, text.at, text.n, NULL, 0);
}

static const struct slice no_text = {NULL, 0};

/* The form in which a client of HTTP gets what it asks for. */
static enum run_form form_of_http(const struct monitor *m) {
    bool input = settings_number(m->session->settings, SETTING_HTTP_STDIN) == HTTP_STDIN_BODY;
    if (m->hook != NULL && m->hook->stage == HOOK_SIGNED)
        input = false; /* the body has come already */
    return input ? RUN_MERGED_INPUT : RUN_MERGED;
}

static void name_run(struct monitor *m, char run[SESSION_RUN_ID]) {
    if (m->run[0] != '\0')
        memcpy(run, m->run, SESSION_RUN_ID);
    else
        session_new_run(run);
    m->run[0] = '\0';
}

/* Tells the front that it can begin. What it does not have yet takes the places of the descriptors
 * 0 and 1 there, which are free. */
static void send_ready(struct monitor *m) {
    const int connection[2] = {m->connection, m->connection};
    m->ready.type = MESSAGE_READY;
    m->ready.ready.asks_forwarded = m->proxies != NULL;
    front_link_send(&m->front, &m->ready, m->ready_text,
                    m->ready_text != NULL ? strlen(m->ready_text) : 0, connection,
                    m->connection != 0 ? 2 : 0);
    if (m->connection != 0)
        close(m->connection);
}

/* Serves what came with a right credential. */
static void serve_login(struct monitor *m, struct monitor_turn *turn, struct slice requested) {
    char run[SESSION_RUN_ID];
    const struct request rq = {.channel = m->channel,
                               .user = m->user,
                               .peer = m->client,
                               .run = run,
                               .requested = requested,
                               .form = form_of_http(m),
                               .terminal = -1,
                               .input = -1};
    name_run(m, run);
    turn->more = session_serve(m->session, &rq, &m->front) && turn->more;
}

/* False where the message is not sound. */
static bool take_login(struct monitor *m, struct monitor_turn *turn) {
    struct received *in = &m->in;
    const bool may_run = in->m.login.may_run, has_request = in->m.login.has_request;
    const size_t n = in->m.login.request_n;
    if (in->m.login.may_run > 1 || in->m.login.has_request > 1 || n > in->text_n
        || (n > 0 && !(may_run && has_request)))
        return false;
    const struct slice credential = {in->text + n, in->text_n - n};
    const char *reason = m->login(m, credential);
    explicit_bzero(in->text + n, in->text_n - n);
    bool is_broker = reason == NULL && m->session->policy.mode == POLICY_BROKER;
    /* a broker's request that asks for nothing the front refuses by itself */
    bool runs = reason == NULL && may_run && (has_request || !is_broker);
    turn->admitted = reason == NULL && !runs;
    if (reason == NULL)
        turn->until = CLOCK_NEVER;
    monitor_answer_login(m, turn, reason, no_text, runs);
    if (runs)
        serve_login(m, turn, is_broker ? (struct slice){in->text, n} : no_text);
    return !m->front.invalid;
}

/* Whether a client of the channel could ask for this form. A terminal is a way past the lock, and
 * input is the administrator's to allow. */
static bool is_form_of_channel(const struct monitor *m) {
    const struct received *in = &m->in;
    if (m->login == NULL)
        return in->m.run.form == RUN_STREAMS
               || (in->m.run.form == RUN_TERMINAL && isatty(in->fds[0]));
    return in->m.run.form == form_of_http(m);
}

/* Whether it may be asked for: where what the client sends is not the command's input, which ends
 * with the client. */
static bool is_way_of_channel(const struct monitor *m) {
    uint8_t way = m->in.m.run.way;
    return way == 0
           || (way <= (MESSAGE_RUN_ASYNC | MESSAGE_RUN_KEPT | MESSAGE_RUN_WHOLE) && m->login != NULL
               && m->in.m.run.form == RUN_MERGED
               && (m->hook == NULL || m->hook->stage != HOOK_SIGNED));
}

/* Takes a RUN apart. `variables` has room for them and a NULL. False where it is not sound. */
static bool read_run(struct monitor *m, struct request *rq, char *variables[]) {
    struct received *in = &m->in;
    size_t n = 0, at = in->m.run.request_n;
    const struct slice requested = {in->text, at};
    if (!is_form_of_channel(m) || in->m.run.has_request > 1 || at > in->text_n
        || (in->m.run.form == RUN_TERMINAL) != (in->fds[0] != -1) || in->fds[1] != -1
        || !is_way_of_channel(m))
        return false;
    for (; at < in->text_n; at += strlen(in->text + at) + 1) {
        if (m->login != NULL || n == LIMIT_CLIENT_VARIABLES
            || !monitor_passes_variable(in->text + at))
            return false;
        variables[n++] = in->text + at;
    }
    variables[n] = NULL;
    rq->requested = in->m.run.has_request ? requested : (struct slice){NULL, 0};
    rq->form = (enum run_form)in->m.run.form;
    rq->terminal = in->fds[0];
    rq->leads_terminal = in->m.run.leads_terminal != 0;
    rq->way = in->m.run.way;
    rq->variables = variables;
    return true;
}

static void refuse_terminal(struct monitor *m, const struct request *rq) {
    struct message answer = {.type = MESSAGE_REFUSED};
    struct audit a = audit_denial(rq->channel, rq->peer, "this key may have no terminal");
    answer.outcome.kind = OUTCOME_FORBIDDEN;
    answer.outcome.code = a.exit = 126;
    a.run = rq->run;
    a.user = rq->user;
    audit_write(&a);
    monitor_send(m, &answer, "this key may have no terminal");
}

/* Serves one request. False where the message is not sound. */
static bool take_run(struct monitor *m, struct monitor_turn *turn) {
    char *variables[LIMIT_CLIENT_VARIABLES + 1], run[SESSION_RUN_ID];
    struct request rq = {
        .channel = m->channel, .user = m->user, .peer = m->client, .run = run, .input = -1};
    if (!read_run(m, &rq, variables))
        return false;
    turn->admitted = false;
    name_run(m, run);
    if (m->hook != NULL && m->hook->stage == HOOK_SIGNED)
        return monitor_serve_hook(m, turn, &rq);
    if (rq.form == RUN_TERMINAL && m->no_terminal)
        refuse_terminal(m, &rq);
    else
        turn->more = session_serve(m->session, &rq, &m->front) && turn->more;
    return !m->front.invalid;
}

/* Serves a question on runs that are kept. False where the message is not sound. */
static bool take_question(struct monitor *m, struct monitor_turn *turn) {
    const struct received *in = &m->in;
    const struct request rq = {.channel = m->channel, .user = m->user, .peer = m->client};
    bool is_list = in->m.type == MESSAGE_RUNS, more;
    char run[SESSION_RUN_ID] = "";
    if (m->login == NULL || in->text_n != (is_list ? 0 : sizeof run - 1)
        || (!is_list && in->m.follow.what > MESSAGE_FOLLOW_KILL)
        || strspn(in->text, "0123456789abcdef") != in->text_n
        || (m->hook != NULL && m->hook->stage != HOOK_NONE))
        return false;
    turn->admitted = false;
    memcpy(run, in->text, in->text_n);
    more = is_list ? runs_list(m->session, &rq, &m->front)
                   : runs_follow(m->session, &rq, in->m.follow.what, run, &m->front);
    turn->more = more && turn->more;
    return !m->front.invalid;
}

/* Takes up whom the proxy speaks for that is at the other end of the connection. A login before is
 * another request's. */
static bool take_forwarded(struct monitor *m, struct monitor_turn *turn) {
    const struct received *in = &m->in;
    size_t n = in->text_n / FORWARDED_ADDRESS;
    if (m->proxies == NULL || in->text_n % FORWARDED_ADDRESS != 0 || n > LIMIT_FORWARDED
        || in->m.forwarded.more > 1)
        return false;
    turn->admitted = false;
    if (m->hook != NULL)
        hook_leave(m->hook);
    client_of_forwarded(m->client, m->proxies, m->peer, in->text, n, in->m.forwarded.more != 0);
    audit_forwarded_by(strcmp(m->client, m->peer) != 0 ? m->peer : NULL);
    return true;
}

/* False when the front has said what it may not. */
static bool take_message(struct monitor *m, struct monitor_turn *turn) {
    struct received *in = &m->in;
    bool has_fd = in->fds[0] != -1;
    switch (in->m.type) {
    case MESSAGE_LOGIN:
        if (m->login == NULL || has_fd)
            return false;
        if (m->hook != NULL)
            hook_leave(m->hook);
        return take_login(m, turn);
    case MESSAGE_HOOK:
    case MESSAGE_BODY:
    case MESSAGE_VERIFY:
    case MESSAGE_VALUE: return m->hook != NULL && !has_fd && monitor_take_hook(m, turn);
    case MESSAGE_FORWARDED: return !has_fd && take_forwarded(m, turn);
    case MESSAGE_RUN: return turn->admitted && take_run(m, turn);
    case MESSAGE_RUNS:
    case MESSAGE_FOLLOW: return turn->admitted && !has_fd && take_question(m, turn);
    case MESSAGE_REFUSAL:
        if (m->refused == NULL || has_fd || in->text_n > LIMIT_REFUSAL_TEXT)
            return false;
        m->refused(m, in->m.refusal.status, in->text, false);
        monitor_send(m, &(struct message){.type = MESSAGE_NOTED}, NULL);
        return true;
    default: return false;
    }
}

bool monitor_serve(struct monitor *m) {
    struct monitor_turn turn = {.admitted = m->login == NULL, .more = true, .until = CLOCK_NEVER};
    if (m->login != NULL)
        turn.until = clock_after(clock_now(), LIMIT_STRANGER_MS);
    bool sound = true;
    sigset_t told; /* all signals end this process while it waits here (core/run.h) */
    sigemptyset(&told);
    sigaddset(&told, SIGPIPE);
    snprintf(m->client, sizeof m->client, "%s", m->peer);
    send_ready(m);
    while (sound && m->front.fd != -1) {
        struct timespec pause;
        int64_t wait = turn.not_before - clock_now();
        if (wait > 0)
            ppoll(NULL, 0, clock_left(wait, 0, &pause), &told);
        enum receipt got = message_wait(m->front.fd, &m->in, turn.until, &told);
        if (got == RECEIPT_END)
            break;
        if (got == RECEIPT_NONE) {
            front_link_close(&m->front);
            return false;
        }
        sound =
            got == RECEIPT_MESSAGE && m->ready.ready.usable && turn.more && take_message(m, &turn);
        message_drop_fds(&m->in);
    }
    front_link_close(&m->front);
    if (!sound || m->front.invalid)
        audit_error(m->channel, m->client,
                    "the process that parses what the client sends has said what it may not");
    return sound && !m->front.invalid;
}
