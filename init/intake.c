#include "intake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/audit.h"
#include "links.h"
#include "room.h"
#include "refusal.h"
#include "serve.h"
#include "spares.h"
#include "waiting.h"

/* ---- what can't be now ---- */

/* Nobody is accepted for a while, since descriptors, memory or processes are short. That is no
 * reason to end: there are more of them when some connection ends. */
static void pause_accepting(struct supervisor *v, const struct listener *l, const char *what,
                            int64_t now) {
    char text[256];
    v->accept_from = clock_after(now, LIMIT_SHORT_MS);
    if (now < v->next_shortage_note)
        return;
    snprintf(text, sizeof text, "port %u: %s: connections have to wait", l->port, what);
    audit_error(l->channel, NULL, text);
    v->next_shortage_note = clock_after(now, LIMIT_SHORT_NOTE_MS);
}

static void refuse(struct supervisor *v, const struct waiting *w, const char *reason, int64_t now) {
    char peer[LIMIT_PEER];
    unsigned port;
    serve_format_address(peer, &port, &w->peer);
    refusal_make(&v->listeners[w->number], w->fd, peer, reason, now);
}

/* ---- one client ---- */

static struct connection_verdict judge(struct supervisor *v, const struct waiting *w, bool again,
                                       int64_t now) {
    struct connection_request request = {
        .listener = w->number, .source = &w->source, .has_waited = again};
    return room_judge(&v->listeners[w->number], v->links, &request, now);
}

/* False when no process could be made: others had better wait. The client is served, or refused. */
static bool serve(struct supervisor *v, const struct waiting *w, int64_t now) {
    const struct listener *l = &v->listeners[w->number];
    if (accounts_refresh_groups(&v->accounts, &v->settings, v->environment, v->in_container))
        spares_end();
    if (serve_connection(l, w->number, v->links, w->fd, &w->peer, &w->source, now))
        return true;
    refuse(v, w, strerror(errno), now);
    pause_accepting(v, l, "no process could be made", now);
    spares_pause(now); /* they take what is short */
    return false;
}

/* One that waits takes a descriptor: not where those are scarce. */
static void let_wait(struct supervisor *v, struct waiting *w,
                     const struct connection_verdict *verdict, int64_t now) {
    struct waiting out;
    w->reason = verdict->reason;
    w->is_penalty = verdict->is_penalty;
    w->again = verdict->until;
    w->expiry = clock_after(now, LIMIT_WAITING_MS);
    if (links_are_scarce(w->fd))
        refuse(v, w, w->reason, now);
    else if (waiting_add(w, &out))
        refuse(v, &out, out.reason, now);
}

/* ---- those who come ---- */

void intake_accept(struct supervisor *v, unsigned number, int64_t now) {
    struct listener *l = &v->listeners[number];
    for (int i = 0; i < LIMIT_ACCEPTS; i++) {
        struct waiting w = {.number = number};
        enum listen_result result = listen_accept(l, &w.fd, &w.peer);
        if (result == LISTEN_SHORT)
            pause_accepting(v, l, strerror(errno), now);
        else if (result == LISTEN_BROKEN)
            listen_fail(l, "accept", errno, now);
        if (result != LISTEN_CONNECTION)
            return;
        l->pause = 0;
        source_of_socket(&w.source, &w.peer, l->proxies);
        supervisor_reap(v, now); /* a connection that has ended does not count */
        intake_retry(v, now);    /* those who have waited come first */
        struct connection_verdict verdict = judge(v, &w, false, now);
        if (verdict.what == CONNECTION_REFUSE)
            refuse(v, &w, verdict.reason, now);
        else if (verdict.what == CONNECTION_WAIT)
            let_wait(v, &w, &verdict, now);
        else if (!serve(v, &w, now))
            return;
    }
}

/* ---- those who wait ---- */

/* Serves or refuses the one of number i, unless it has to wait on. */
static void retry_one(struct supervisor *v, size_t i, int64_t now) {
    struct waiting *w = waiting_at(i);
    if (w->is_penalty && now >= w->again) {
        w->is_penalty = false;
        w->again = now;
        w->expiry = clock_after(now, LIMIT_WAITING_MS);
    }
    if (w->is_penalty || (now < w->again && now < w->expiry && !v->room_changed))
        return;
    struct connection_verdict verdict = judge(v, w, true, now);
    if (verdict.what == CONNECTION_WAIT && now < w->expiry) {
        w->reason = verdict.reason;
        w->again = verdict.until;
        return;
    }
    struct waiting taken = *w;
    waiting_remove(i);
    if (verdict.what == CONNECTION_SERVE)
        serve(v, &taken, now);
    else
        refuse(v, &taken, verdict.reason, now);
}

/* Those first that have spoken, and the newest first: of those who wait for long, more have given
 * up. */
void intake_retry(struct supervisor *v, int64_t now) {
    if (!v->room_changed && now < waiting_deadline())
        return;
    for (size_t i = waiting_count(); i-- > 0;)
        if (waiting_has_spoken(waiting_at(i)))
            retry_one(v, i, now);
    for (size_t i = waiting_count(); i-- > 0;)
        retry_one(v, i, now);
    v->room_changed = false;
}

void intake_close(struct supervisor *v, int64_t now) {
    while (waiting_count() > 0) {
        struct waiting w = *waiting_at(0);
        waiting_remove(0);
        refuse(v, &w, "bastion init ends: nobody is served any more", now);
    }
}
