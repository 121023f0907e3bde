#include "refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/audit.h"

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

void refusal_note(struct listener *l, const char *peer, const char *reason, int64_t now) {
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

void refusal_note_count(const struct listener *l, uint64_t *left_out) {
    char text[96];
    snprintf(text, sizeof text, "%llu more were refused since the last such line",
             (unsigned long long)*left_out);
    *left_out = 0;
    struct audit a = audit_denial(l->channel, NULL, text);
    audit_write(&a);
}

int64_t refusal_note_left_out(struct listener *listeners, size_t count, int64_t now) {
    int64_t deadline = CLOCK_NEVER;
    for (struct listener *l = listeners; l < listeners + count; l++)
        if (l->left_out > 0 && now >= l->next_note)
            refusal_note_count(l, &l->left_out);
        else if (l->left_out > 0)
            deadline = clock_earlier(deadline, l->next_note);
    return deadline;
}

/* A close with bytes of the client's unread would be a reset, which destroys the response on its
 * way. So only our side is closed, and the client has LIMIT_DRAIN_MS to close its own. */
void refusal_make(struct listener *l, int fd, const char *peer, const char *reason, int64_t now) {
    refusal_note(l, peer, reason, now);
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

unsigned refusal_waiting(void) { return (unsigned)refused_count; }

int64_t refusal_watch(struct pollfd fds[LIMIT_TURNED_AWAY]) {
    for (int i = 0; i < LIMIT_TURNED_AWAY; i++)
        fds[i] = (struct pollfd){.fd = i < refused_count ? refused[i].fd : -1, .events = POLLIN};
    return refused_count > 0 ? refused[0].deadline : CLOCK_NEVER;
}

/* MSG_TRUNC lets the kernel throw the bytes away (tcp(7)): not one of them comes into this
 * process. */
void refusal_ready(const struct pollfd fds[LIMIT_TURNED_AWAY], int64_t now) {
    for (int i = refused_count - 1; i >= 0; i--) {
        ssize_t n = fds[i].revents != 0
                        ? recv(refused[i].fd, NULL, LIMIT_DRAIN, MSG_TRUNC | MSG_DONTWAIT)
                        : 1;
        if (now >= refused[i].deadline || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            close_refused(i);
    }
}
