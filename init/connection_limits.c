#include "connection_limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ip.h"
#include "core/audit.h"

/* ---- the limits ---- */

void connection_limits_identify(struct connection_owner *o, const struct sockaddr_storage *peer) {
    struct ip ip;
    unsigned port;
    memset(o, 0, sizeof *o);
    if (!ip_of_socket(&ip, &port, peer))
        return;
    ip_unmap(&ip);
    ip_map(o->address, &ip);
    o->loopback = ip_is_loopback(&ip);
    if (ip.n == sizeof(struct in6_addr) && !o->loopback)
        memset(o->address + 8, 0, 8);
}

/* The container's own health check comes from the loopback address, and finds room when all others
 * are refused: a server that has much to do is not a broken one, and must not be started anew for
 * it. */
const char *connection_limits_exceeded(const struct connection_limits *limits, unsigned listener,
                                       const struct connection_owner *o) {
    uint64_t spare = o->loopback ? LIMIT_SPARE_CONNECTIONS : 0;
    if (connection_is_full())
        return "more connections than there is room for";
    if (connection_count(listener) >= limits->all + spare)
        return "MAX_CONNECTIONS: as many connections are open";
    if (connection_count_of(listener, o) >= limits->per_address + spare)
        return "MAX_CONNECTIONS_PER_ADDRESS: as many connections are open";
    return NULL;
}

/* ---- refusing ---- */

/* The refused connections that are not closed yet, the oldest first. */
static struct refused {
    int fd;
    int64_t deadline;
} refused[LIMIT_TURNED_AWAY];
static int refused_count;

static void close_refused(int i) {
    close(refused[i].fd);
    refused_count--;
    memmove(&refused[i], &refused[i + 1], (size_t)(refused_count - i) * sizeof *refused);
}

static void note_refusal(struct listener *l, const char *peer, const char *reason, int64_t now) {
    char text[256];
    if (now < l->next_note) {
        l->left_out++;
        return;
    }
    snprintf(text, sizeof text,
             l->left_out == 0 ? "%s" : "%s; %llu more were refused since the last such line",
             reason, (unsigned long long)l->left_out);
    struct audit a = audit_denial(l->channel, peer, text);
    /* Where no log takes the line, each try has taken LIMIT_LOG_MS of everybody's time. */
    bool taken = audit_write(&a) == 0;
    l->left_out = 0;
    l->next_note = clock_after(now, taken ? LIMIT_REFUSAL_NOTE_MS : LIMIT_SHORT_NOTE_MS);
}

/* A close with bytes of the client's unread would be a reset, which destroys the response on its
 * way. So only our side is closed, and the client has LIMIT_DRAIN_MS to close its own. */
void connection_limits_refuse(struct listener *l, int fd, const char *peer, const char *reason,
                              int64_t now) {
    note_refusal(l, peer, reason, now);
    bool sent = l->refusal != NULL
                && send(fd, l->refusal, strlen(l->refusal), MSG_DONTWAIT | MSG_NOSIGNAL) != -1;
    if (!sent || shutdown(fd, SHUT_WR) == -1) {
        close(fd);
        return;
    }
    if (refused_count == LIMIT_TURNED_AWAY)
        close_refused(0);
    refused[refused_count++] = (struct refused){fd, clock_after(now, LIMIT_DRAIN_MS)};
}

unsigned connection_limits_waiting(void) { return (unsigned)refused_count; }

int64_t connection_limits_watch(struct pollfd fds[LIMIT_TURNED_AWAY]) {
    for (int i = 0; i < LIMIT_TURNED_AWAY; i++)
        fds[i] = (struct pollfd){.fd = i < refused_count ? refused[i].fd : -1, .events = POLLIN};
    return refused_count > 0 ? refused[0].deadline : CLOCK_NEVER;
}

/* MSG_TRUNC lets the kernel throw the bytes away (tcp(7)): not one of them comes into this
 * process. */
void connection_limits_ready(const struct pollfd fds[LIMIT_TURNED_AWAY], int64_t now) {
    for (int i = refused_count - 1; i >= 0; i--) {
        ssize_t n = fds[i].revents != 0
                        ? recv(refused[i].fd, NULL, LIMIT_DRAIN, MSG_TRUNC | MSG_DONTWAIT)
                        : 1;
        if (now >= refused[i].deadline || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            close_refused(i);
    }
}
