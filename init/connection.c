#include "connection.h"

#include <string.h>

#include "limit.h"

/* Only those from the first on that are in use take memory: the other pages are never touched. */
static struct connection connections[LIMIT_CONNECTIONS];
static size_t connections_open;

bool connection_is_full(void) { return connections_open == LIMIT_CONNECTIONS; }

void connection_add(pid_t pid, unsigned listener, const struct connection_owner *owner, int link) {
    struct connection *c = &connections[connections_open++];
    c->pid = pid;
    c->listener = (unsigned char)listener;
    c->link = link;
    memcpy(c->address, owner->address, sizeof c->address);
}

int connection_remove(pid_t pid, int *link) {
    *link = -1;
    for (size_t i = 0; i < connections_open; i++) {
        if (connections[i].pid != pid)
            continue;
        int listener = connections[i].listener;
        *link = connections[i].link;
        connections[i] = connections[--connections_open];
        return listener;
    }
    return -1;
}

bool connection_has(pid_t pid) {
    for (size_t i = 0; i < connections_open; i++)
        if (connections[i].pid == pid)
            return true;
    return false;
}

size_t connection_count(unsigned listener) {
    size_t n = 0;
    for (size_t i = 0; i < connections_open; i++)
        n += connections[i].listener == listener;
    return n;
}

size_t connection_count_of(unsigned listener, const struct connection_owner *owner) {
    size_t n = 0;
    for (size_t i = 0; i < connections_open; i++)
        n += connections[i].listener == listener
             && memcmp(connections[i].address, owner->address, sizeof owner->address) == 0;
    return n;
}

const struct connection *connection_all(size_t *n) {
    *n = connections_open;
    return connections;
}
