#include "ssh/ssh_connection.h"

#include <sys/epoll.h>

#include "base/clock.h"
#include "core/audit.h"

void connection_watch(const struct ssh_connection *c, int fd, enum connection_event what,
                      unsigned events) {
    struct epoll_event e = {.events = events, .data.u32 = what};
    epoll_ctl(c->poll, EPOLL_CTL_ADD, fd, &e);
}

void connection_audit(const struct ssh_connection *c, const char *event, const char *verdict,
                      const char *reason) {
    struct audit a = AUDIT_EMPTY;
    char fingerprint[KEYS_FINGERPRINT];
    a.event = event;
    a.run = c->run;
    a.channel = "ssh";
    a.peer = c->peer;
    a.verdict = verdict;
    a.reason = reason;
    if (c->key != NULL) {
        authorized_keys_fingerprint(fingerprint, (struct slice){c->key->text, SSH_KEY_TEXT});
        a.user = c->key->identity;
        a.role = c->key->role != NULL ? c->key->role->name : NULL;
        a.key = fingerprint;
    }
    if (c->ended)
        a.ms = clock_now() - c->started;
    audit_write(&a);
}
