/* monitor_hook.c: the part of a connection's monitor that takes a delivery of a webhook
 * (core/hook.h). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/init_link.h"
#include "core/audit.h"
#include "core/monitor_parts.h"

static bool take_claim(struct monitor *m, struct monitor_turn *turn) {
    struct hook_claim claim;
    struct buf paths = {.at = m->in.text, .cap = LIMIT_MESSAGE_TEXT};
    if (m->in.text_n != sizeof claim)
        return false;
    memcpy(&claim, m->in.text, sizeof claim);
    if (!hook_is_sound(&claim))
        return false;
    m->hook_role(m, claim.role);
    const char *reason =
        hook_begin(m->hook, m->session->unusable == NULL ? m->session->settings : NULL, &claim);
    snprintf(m->user, sizeof m->user, "hook");
    if (reason == NULL)
        hook_list_paths(m->hook, &paths);
    monitor_answer_login(m, turn, reason, (struct slice){paths.at, paths.len}, false);
    return true;
}

static const struct message taken = {.type = MESSAGE_TAKEN};

static bool take_body(struct monitor *m) {
    if (m->hook->stage != HOOK_OPEN || !hook_take_body(m->hook, m->in.text, m->in.text_n))
        return false;
    monitor_send(m, &taken, NULL);
    return true;
}

static bool take_end_of_body(struct monitor *m, struct monitor_turn *turn) {
    if (m->hook->stage != HOOK_OPEN || m->in.text_n > 0)
        return false;
    const char *reason = hook_verify(m->hook);
    turn->admitted = reason == NULL;
    if (turn->admitted) {
        turn->until = CLOCK_NEVER;
        init_link_known();
    } else {
        hook_leave(m->hook);
    }
    monitor_answer_login(m, turn, reason, (struct slice){NULL, 0}, false);
    return true;
}

/* That a name stands twice is in the log, since others may take the last for the value. */
static void note_repeated(const struct monitor *m, const char *path) {
    struct audit a = AUDIT_EMPTY;
    char text[LIMIT_HOOK_PATH + 64];
    snprintf(text, sizeof text, "a name of %s stands twice in the delivery: the first counts",
             path);
    a.event = "notice";
    a.channel = m->channel;
    a.user = m->user;
    a.role = m->session->settings->role;
    a.peer = m->client;
    a.delivery = m->hook->claim.delivery;
    a.reason = text;
    audit_write(&a);
}

static bool take_value(struct monitor *m) {
    const struct message *v = &m->in.m;
    struct hook *h = m->hook;
    if (h->stage != HOOK_SIGNED || v->value.kind > JSON_OBJECT
        || !hook_take_value(h, (enum json_kind)v->value.kind, v->value.unusable != 0,
                            (struct slice){m->in.text, m->in.text_n}))
        return false;
    if (v->value.repeated)
        note_repeated(m, h->rules.rule[h->next - 1].path);
    monitor_send(m, &taken, NULL);
    return true;
}

bool monitor_take_hook(struct monitor *m, struct monitor_turn *turn) {
    switch (m->in.m.type) {
    case MESSAGE_HOOK: turn->admitted = false; return take_claim(m, turn);
    case MESSAGE_BODY: return take_body(m);
    case MESSAGE_VERIFY: return take_end_of_body(m, turn);
    default: return take_value(m);
    }
}

/* Says that the delivery is not to run, by itself or since an allowlist is no command. */
static void refuse_hook(struct monitor *m, const struct request *rq, bool is_skipped,
                        const char *reason) {
    struct message answer = {.type = MESSAGE_REFUSED};
    struct audit a = audit_denial(rq->channel, rq->peer, reason);
    answer.outcome.kind = is_skipped ? OUTCOME_SKIPPED : OUTCOME_FORBIDDEN;
    answer.outcome.code = is_skipped ? 0 : 126;
    snprintf(answer.outcome.run, sizeof answer.outcome.run, "%s", rq->run);
    a.run = rq->run;
    a.role = m->session->settings->role;
    a.user = rq->user;
    a.delivery = rq->delivery;
    if (is_skipped) {
        a.event = "skip";
        a.verdict = NULL;
    } else {
        a.exit = 126;
    }
    audit_write(&a);
    monitor_send(m, &answer, reason);
}

bool monitor_serve_hook(struct monitor *m, struct monitor_turn *turn, struct request *rq) {
    struct hook *h = m->hook;
    if (!hook_is_complete(h))
        return false;
    rq->is_hook = true;
    rq->delivery = h->claim.delivery[0] != '\0' ? h->claim.delivery : NULL;
    rq->input = h->input;
    rq->variables = h->variables;
    if (h->verdict != HOOK_RUNS)
        refuse_hook(m, rq, h->verdict == HOOK_SKIPPED, h->reason);
    else if (m->session->policy.mode == POLICY_BROKER)
        refuse_hook(m, rq, false, "a webhook runs FORCE_COMMAND, and there is an allowlist");
    else
        turn->more = session_serve(m->session, rq, &m->front) && turn->more;
    hook_leave(h);
    return !m->front.invalid;
}
