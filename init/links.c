#include "links.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "limit.h"
#include "penalty.h"
#include "refusal.h"
#include "room.h"
#include "spawn.h"
#include "unknown.h"

int links_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

static bool leaves_too_few(int fd) {
    struct rlimit most;
    return getrlimit(RLIMIT_NOFILE, &most) == 0
           && (rlim_t)fd + LIMIT_SPARE_DESCRIPTORS > most.rlim_cur;
}

bool links_are_scarce(int fd) {
    return leaves_too_few(fd) && !(spawn_raise_descriptors() && !leaves_too_few(fd));
}

void links_make(int link[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) == -1) {
        link[0] = link[1] = -1;
    } else if (links_are_scarce(link[1])) {
        fd_close(&link[0]);
        fd_close(&link[1]);
    }
}

void links_watch(int links, int *link) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = *link};
    if (*link != -1 && epoll_ctl(links, EPOLL_CTL_ADD, *link, &e) == -1)
        fd_close(link); /* it has no entry */
}

void links_add(int links, int link[2]) {
    links_make(link);
    links_watch(links, &link[0]);
    if (link[0] == -1)
        fd_close(&link[1]);
}

/* The entry goes first: it would stay as long as a copy of the descriptor, which a process that is
 * being started may have (epoll(7)), and speak of the number's next owner. */
void links_remove(int links, int link) {
    if (link == -1)
        return;
    epoll_ctl(links, EPOLL_CTL_DEL, link, NULL);
    close(link);
}

/* Who says it a second time is not listened to any more: it takes no answer that would slow him
 * down. */
static bool becomes_known(struct connection *c) {
    if (c->state == CONNECTION_KNOWN)
        return false;
    if (c->state == CONNECTION_UNKNOWN) {
        c->state = CONNECTION_KNOWN;
        penalty_forgive(&c->source);
    }
    return true;
}

/* Answers a question. Returns whether the answer was taken. */
static bool answer(struct connection *c, struct listener *l, int64_t now) {
    char byte = rate_allows(&l->denials, LIMIT_DENIAL_LINES, now) ? INIT_LINK_YES : INIT_LINK_NO;
    unknown_was_refused(c, l);
    return send(c->link, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* Answers where a proxy says where its client is. Returns whether the answer was taken. */
static bool answer_client(int links, struct connection *c, struct listener *l,
                          const unsigned char address[INIT_LINK_ADDRESS], int64_t now) {
    static const char kinds[] = {
        [ROOM_YES] = INIT_LINK_YES, [ROOM_NO] = INIT_LINK_NO, [ROOM_WAIT] = INIT_LINK_WAIT};
    char bytes[INIT_LINK_ANSWER];
    uint32_t ms = 0;
    if (!c->is_proxied)
        return false;
    bytes[0] = kinds[room_ask(c, l, links, address, &ms, now)];
    memcpy(bytes + 1, &ms, sizeof ms);
    return send(c->link, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof bytes;
}

/* Whatever has come is one question, however much of it there is: who asks before the answer is
 * there gets no more of them. The descriptor stays open as long as the connection. */
void links_read(int links, struct connection *c, struct listener *l, int64_t now) {
    char bytes[64];
    ssize_t n = c->link == -1 ? -1 : recv(c->link, bytes, sizeof bytes, MSG_DONTWAIT);
    bool good = n > 0, asks = false;
    if (c->link == -1 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] == INIT_LINK_KNOWN) {
            good = becomes_known(c) && good;
        } else if (bytes[i] == INIT_LINK_CLIENT) {
            good = n - i > INIT_LINK_ADDRESS
                   && answer_client(links, c, l, (const unsigned char *)bytes + i + 1, now);
            i = good ? i + INIT_LINK_ADDRESS : n;
        } else if (bytes[i] == INIT_LINK_KEEPER) {
            good = c->state == CONNECTION_KNOWN && good;
            c->has_keeper = good;
        } else
            asks = true;
    if (good && (!asks || answer(c, l, now)))
        return;
    epoll_ctl(links, EPOLL_CTL_DEL, c->link, NULL);
    shutdown(c->link, SHUT_RDWR);
}

void links_take(int links, struct listener *listeners, int64_t now) {
    struct epoll_event events[LIMIT_LINK_ANSWERS];
    int n = epoll_wait(links, events, LIMIT_LINK_ANSWERS, 0);
    for (int i = 0; i < n; i++) {
        struct connection *c = connection_of_link(events[i].data.fd);
        if (c != NULL)
            links_read(links, c, &listeners[c->listener], now);
    }
}

int64_t links_note_left_out(struct listener *listeners, size_t count, int64_t now) {
    int64_t deadline = CLOCK_NEVER;
    for (size_t i = 0; i < count; i++) {
        struct rate *r = &listeners[i].denials;
        if (rate_is_due(r, now))
            refusal_note_count(&listeners[i], &r->left_out);
        else if (r->left_out > 0)
            deadline = clock_earlier(deadline, clock_after(r->since, RATE_MS));
    }
    return deadline;
}
