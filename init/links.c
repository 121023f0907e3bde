#include "links.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "core/audit.h"
#include "limit.h"

int links_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

/* What epoll keeps for a link: the descriptor, and the number of its listener. */
static uint64_t data_of(int fd, unsigned number) { return (uint64_t)fd << 8 | number; }
static int fd_of(uint64_t data) { return (int)(data >> 8); }
static unsigned number_of(uint64_t data) { return data & 0xff; }

void links_add(int links, unsigned number, int link[2]) {
    struct rlimit most;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) == -1) {
        link[0] = link[1] = -1;
        return;
    }
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = data_of(link[0], number)};
    bool scarce = getrlimit(RLIMIT_NOFILE, &most) == 0
                  && (rlim_t)link[1] + LIMIT_SPARE_DESCRIPTORS > most.rlim_cur;
    if (scarce || epoll_ctl(links, EPOLL_CTL_ADD, link[0], &e) == -1) {
        fd_close(&link[0]); /* it has no entry */
        fd_close(&link[1]);
    }
}

/* The entry goes first: it would stay as long as a copy of the descriptor, which a process that is
 * being started may have (epoll(7)), and speak of the number's next owner. */
void links_remove(int links, int link) {
    if (link == -1)
        return;
    epoll_ctl(links, EPOLL_CTL_DEL, link, NULL);
    close(link);
}

/* Whatever has come is one question, however much of it there is: who asks before the answer is
 * there gets no more of them. The descriptor stays open as long as the connection. */
static void answer(int links, int fd, struct listener *l, int64_t now) {
    char questions[64], byte = INIT_LINK_YES;
    ssize_t n = recv(fd, questions, sizeof questions, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0 && !rate_allows(&l->denials, LIMIT_DENIAL_LINES, now))
        byte = INIT_LINK_NO;
    if (n > 0 && send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        return;
    epoll_ctl(links, EPOLL_CTL_DEL, fd, NULL);
    shutdown(fd, SHUT_RDWR);
}

void links_answer(int links, struct listener *listeners, int64_t now) {
    struct epoll_event events[LIMIT_LINK_ANSWERS];
    int n = epoll_wait(links, events, LIMIT_LINK_ANSWERS, 0);
    for (int i = 0; i < n; i++)
        answer(links, fd_of(events[i].data.u64), &listeners[number_of(events[i].data.u64)], now);
}

int64_t links_note_left_out(struct listener *listeners, size_t count, int64_t now) {
    int64_t deadline = CLOCK_NEVER;
    for (size_t i = 0; i < count; i++) {
        struct rate *r = &listeners[i].denials;
        if (rate_is_due(r, now)) {
            char text[96];
            snprintf(text, sizeof text, "%llu more were refused since the last such line",
                     (unsigned long long)r->left_out);
            r->left_out = 0;
            struct audit a = audit_denial(listeners[i].channel, NULL, text);
            audit_write(&a);
        } else if (r->left_out > 0) {
            deadline = clock_earlier(deadline, clock_after(r->since, RATE_MS));
        }
    }
    return deadline;
}
