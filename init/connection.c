#include "connection.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "limit.h"

/* Only those from the first on that are in use take memory: the other pages are never touched. */
static struct connection connections[LIMIT_CONNECTIONS];
static size_t connections_open;

bool connection_is_full(void) { return connections_open == LIMIT_CONNECTIONS; }

void connection_add(const struct connection *c) { connections[connections_open++] = *c; }

struct connection *connection_find(pid_t pid) {
    for (size_t i = 0; i < connections_open; i++)
        if (connections[i].pid == pid)
            return &connections[i];
    return NULL;
}

struct connection *connection_of_link(int link) {
    for (size_t i = 0; i < connections_open; i++)
        if (connections[i].link == link)
            return &connections[i];
    return NULL;
}

bool connection_has(pid_t pid) { return connection_find(pid) != NULL; }

void connection_remove(struct connection *c) { *c = connections[--connections_open]; }

/* The process group is there as long as a process is in it, and its number nobody else's. */
void connection_forget_left(void) {
    for (size_t i = 0; i < connections_open; i++)
        if (connections[i].state == CONNECTION_LEFT && kill(-connections[i].pid, 0) == -1
            && errno == ESRCH)
            connection_remove(&connections[i--]);
}

struct connection *connection_all(size_t *n) {
    *n = connections_open;
    return connections;
}

/* ---- of one listener ---- */

static bool is_in(const struct connection_set *set, const struct connection *c) {
    return c->listener == set->listener
           && (set->near == NULL || source_is_same(&c->source, set->near, set->level));
}

/* When one that is unknown is old. */
static int64_t old_at(const struct connection *c) {
    return clock_after(c->since, LIMIT_UNKNOWN_YOUNG_MS);
}

static bool is_old(const struct connection *c, int64_t now) {
    return c->state == CONNECTION_UNKNOWN && now >= old_at(c);
}

struct connection_count connection_count(const struct connection_set *set, int64_t now) {
    struct connection_count n = {.next_old = CLOCK_NEVER};
    for (const struct connection *c = connections; c < connections + connections_open; c++) {
        if (!is_in(set, c))
            continue;
        n.known += c->state == CONNECTION_KNOWN;
        n.ending += c->state == CONNECTION_ENDING;
        if (is_old(c, now)) {
            n.old++;
        } else if (c->state == CONNECTION_UNKNOWN) {
            n.young++;
            n.next_old = clock_earlier(n.next_old, old_at(c));
        }
    }
    return n;
}

struct connection *connection_old(const struct connection_set *set, size_t n, int64_t now) {
    struct connection *c = connections;
    while (!is_in(set, c) || !is_old(c, now) || n-- > 0)
        c++;
    return c;
}
