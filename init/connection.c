#include "connection.h"

#include <string.h>

#include "limit.h"

/* No page of it is touched before it is needed. */
static struct connection all[LIMIT_CONNECTIONS];
static size_t count;

bool connection_is_full(void) { return count == LIMIT_CONNECTIONS; }

void connection_add(pid_t pid, unsigned listener, const struct connection_owner *owner) {
    struct connection *c = &all[count++];
    c->pid = pid;
    c->listener = (unsigned char)listener;
    memcpy(c->address, owner->address, sizeof c->address);
}

int connection_remove(pid_t pid) {
    for (size_t i = 0; i < count; i++) {
        if (all[i].pid != pid)
            continue;
        int listener = all[i].listener;
        all[i] = all[--count];
        return listener;
    }
    return -1;
}

bool connection_has(pid_t pid) {
    for (size_t i = 0; i < count; i++)
        if (all[i].pid == pid)
            return true;
    return false;
}

size_t connection_count(unsigned listener) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += all[i].listener == listener;
    return n;
}

size_t connection_count_of(unsigned listener, const struct connection_owner *owner) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += all[i].listener == listener
             && memcmp(all[i].address, owner->address, sizeof owner->address) == 0;
    return n;
}

const struct connection *connection_all(size_t *n) {
    *n = count;
    return all;
}
