#include "connection_limits.h"

#include "base/clock.h"
#include "limit.h"
#include "penalty.h"

/* One of the limits: of a client, of a network that it is in, or of the listener. */
struct room {
    struct connection_set set;
    uint64_t all, old;      /* how many there may be, and of these old ones */
    bool counts_known;      /* among `all` */
    bool is_listener;       /* where chance decides, too */
    const char *full;       /* the reason where all of them are known */
    const char *is_crowded; /* the reason where they are not */
};

/* At least one, so that there can be any. */
static uint64_t half_of(uint64_t n) { return (n + 1) / 2; }

static struct room room_of(const struct connection_limits *limits,
                           const struct connection_request *r, int level) {
    uint64_t spare = r->source->is_loopback ? LIMIT_SPARE_CONNECTIONS : 0;
    if (level == source_levels(r->source))
        return (struct room){
            .set = {.listener = r->listener},
            .all = limits->all + spare,
            .old = half_of(limits->all) + spare,
            .counts_known = true,
            .is_listener = true,
            .full = "MAX_CONNECTIONS: as many connections are open",
            .is_crowded = "MAX_CONNECTIONS: as many connections are open, some of clients that "
                          "have shown no right credential yet"};
    uint64_t times = (uint64_t)level + 1;
    return (struct room){
        .set = {r->listener, r->source, (enum source_level)level},
        .all = limits->per_address * times + spare,
        .old = half_of(limits->per_address) * times + spare,
        .counts_known = level == SOURCE_CLIENT,
        .full = "MAX_CONNECTIONS_PER_ADDRESS: as many connections are open",
        .is_crowded = level == SOURCE_CLIENT
                          ? "MAX_CONNECTIONS_PER_ADDRESS: as many connections are open, some of "
                            "clients that have shown no right credential yet"
                          : "too many connections of clients in this network that have shown no "
                            "right credential yet"};
}

/* Whether an old one has to go for chance alone: the more likely the more there are. The lower half
 * of `random` decides. */
static bool chance_decides(const struct room *room, uint64_t old, uint32_t random) {
    enum { ALL = 1 << 16 };
    uint64_t begin = half_of(room->old), span = room->old - begin;
    return old > begin && (random & (ALL - 1)) * span < (old - begin) * ALL;
}

static bool is_refused(struct connection_verdict *v, const char *reason) {
    *v = (struct connection_verdict){.what = CONNECTION_REFUSE, .reason = reason};
    return true;
}

static bool has_to_wait(struct connection_verdict *v, const char *reason, int64_t until) {
    v->what = CONNECTION_WAIT;
    v->reason = reason;
    v->until = until;
    return true;
}

/* Whether it is decided, by this limit, that it is not served now. */
static bool look_for_room(struct connection_verdict *v, const struct room *room,
                          const struct connection_request *r, int64_t now) {
    struct connection_count n = connection_count(&room->set, now);
    bool chosen = v->victim != NULL; /* for a smaller set, which is a part of this one */
    if (room->counts_known && n.known >= room->all)
        return is_refused(v, room->full);
    size_t taken = n.young + n.old + n.ending + (room->counts_known ? n.known : 0);
    bool is_full = taken >= room->all;
    bool has_to_go = is_full ? n.ending == 0 : n.old >= room->old;
    if (!has_to_go && !is_full && room->is_listener && !r->has_waited)
        has_to_go = chance_decides(room, n.old, r->random);
    if (has_to_go && !chosen && n.old > 0) {
        v->victim = connection_old(&room->set, (r->random >> 16) % n.old, now);
        chosen = true;
    }
    /* Whoever is to make room has to be gone first, which is an event; or a young one grows old. */
    return is_full
           && has_to_wait(v, room->is_crowded, chosen || n.ending > 0 ? CLOCK_NEVER : n.next_old);
}

/* Whether the client has a connection that is known, of any listener: then others with its address
 * may fail. */
static bool is_known(const struct source *source, int64_t now) {
    struct connection_set set = {.near = source, .level = SOURCE_CLIENT};
    for (; set.listener < LIMIT_LISTENERS; set.listener++)
        if (connection_count(&set, now).known > 0)
            return true;
    return false;
}

struct connection_verdict connection_limits_judge(const struct connection_limits *limits,
                                                  const struct connection_request *r, int64_t now) {
    struct connection_verdict v = {.what = CONNECTION_SERVE};
    if (!r->is_admitted && connection_is_full()) {
        is_refused(&v, "more connections than there is room for");
        return v;
    }
    int levels = source_levels(r->source);
    int64_t wait = r->has_waited || r->source->is_exempt || is_known(r->source, now)
                       ? 0
                       : penalty_wait(r->source, now);
    if (wait > 0) {
        has_to_wait(&v, "connections from there keep failing", clock_after(now, wait));
        v.is_penalty = true;
        return v;
    }
    for (int level = r->source->is_exempt ? levels : 0; level <= levels - r->is_admitted; level++) {
        struct room room = room_of(limits, r, level);
        if (look_for_room(&v, &room, r, now))
            break;
    }
    return v;
}
