/* supervisor.h: what process 1 keeps while it serves, and the one loop in which it does all it
 * does. */
#ifndef INIT_SUPERVISOR_H
#define INIT_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts.h"
#include "connection_limits.h"
#include "core/settings.h"
#include "limit.h"
#include "listen.h"
#include "shutdown.h"

/* Times are those of base/clock.h. */
struct supervisor {
    struct settings settings;
    char *const *environment;
    bool in_container;        /* base/container.h */
    struct accounts accounts; /* there */
    const char *address;      /* where it listens, or NULL: everywhere */
    struct connection_limits limits;
    struct listener listeners[LIMIT_LISTENERS];
    size_t listener_count;

    int signal_fd;              /* signalfd(2) */
    int syslog_fd;              /* /dev/log, or -1 */
    int links;                  /* links.h */
    pid_t printer;              /* the process that prints what comes there, or 0 */
    int64_t printer_retry;      /* when to start another one */
    bool room_changed;          /* a connection has ended: who waits may be served (intake.h) */
    int64_t accept_from;        /* nobody is accepted before: something was short */
    int64_t next_shortage_note; /* the next line of the log on that not before this time */
    int64_t next_signal_note;   /* the same for signals that do not count */
    struct shutdown shutdown;
};

/* Makes what supervisor_run waits at, and blocks the signals that it takes: from now on none of
 * them is lost. Returns 0, or -1 with errno. */
int supervisor_prepare(struct supervisor *v);

/* Waits for all children that have ended (waitpid(2)), also those that others have left behind. */
void supervisor_reap(struct supervisor *v, int64_t now);

/* Listens and serves until a signal ends it. */
void supervisor_run(struct supervisor *v);

#endif
