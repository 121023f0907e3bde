#include "room.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "limit.h"
#include "links.h"
#include "refusal.h"
#include "unknown.h"

/* Where there are no random numbers yet, at the start of a machine, the time has to do. */
static uint32_t random_number(int64_t now) {
    uint32_t n;
    return getrandom(&n, sizeof n, GRND_NONBLOCK) == sizeof n ? n : (uint32_t)now * 2654435761;
}

struct connection_verdict room_judge(struct listener *l, int links,
                                     struct connection_request *request, int64_t now) {
    for (;;) {
        request->random = random_number(now);
        struct connection_verdict verdict = connection_limits_judge(l->limits, request, now);
        if (verdict.victim != NULL)
            links_read(links, verdict.victim, l, now);
        if (verdict.victim != NULL && verdict.victim->state != CONNECTION_UNKNOWN)
            continue;
        if (verdict.victim != NULL)
            unknown_end(verdict.victim, l,
                        "no right credential yet: the connection made room for another", now);
        return verdict;
    }
}

static enum room_answer refuse(struct connection *c, struct listener *l,
                               const struct source *client, const char *reason, int64_t now) {
    char peer[LIMIT_PEER];
    source_print(peer, client);
    refusal_note(l, peer, reason, now);
    c->is_proxied = false;
    return ROOM_NO;
}

/* It is to ask again at `at`. That is a connection which waits, and not one that takes too long to
 * show a credential. */
static enum room_answer let_wait(struct connection *c, const struct listener *l, int64_t at,
                                 uint32_t *ms, int64_t now) {
    *ms = at > now ? (uint32_t)(at - now) : 1;
    unknown_restart(c, l, now);
    return ROOM_WAIT;
}

enum room_answer room_ask(struct connection *c, struct listener *l, int links,
                          const unsigned char address[SOURCE_ADDRESS], uint32_t *ms, int64_t now) {
    static bool is_busy; /* somebody else's question came up while one is answered */
    struct source client;
    source_of_address(&client, address, l->proxies);
    /* A connection of the proxy's own; or of somebody who has no word on that. */
    if (!c->source.is_exempt || client.is_exempt || c->state != CONNECTION_UNKNOWN) {
        c->is_proxied = false;
        return ROOM_YES;
    }
    if (is_busy)
        return let_wait(c, l, clock_after(now, LIMIT_ROOM_LOOK_MS), ms, now);
    struct connection_request request = {.listener = c->listener,
                                         .source = &client,
                                         .has_waited = c->has_waited,
                                         .is_admitted = true};
    is_busy = true;
    struct connection_verdict verdict = room_judge(l, links, &request, now);
    is_busy = false;
    if (verdict.what == CONNECTION_REFUSE)
        return refuse(c, l, &client, verdict.reason, now);
    if (verdict.what == CONNECTION_WAIT && verdict.is_penalty) {
        c->has_waited = true;
        return let_wait(c, l, verdict.until, ms, now);
    }
    if (verdict.what == CONNECTION_WAIT) {
        c->has_waited = true;
        if (c->expiry == 0)
            c->expiry = clock_after(now, LIMIT_WAITING_MS);
        if (now >= c->expiry)
            return refuse(c, l, &client, verdict.reason, now);
        return let_wait(c, l,
                        clock_earlier(clock_earlier(verdict.until, c->expiry),
                                      clock_after(now, LIMIT_ROOM_LOOK_MS)),
                        ms, now);
    }
    c->source = client;
    c->is_proxied = false;
    c->since = now;
    unknown_restart(c, l, now);
    return ROOM_YES;
}
