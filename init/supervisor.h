/* supervisor.h: what process 1 keeps: its listeners, and the one loop in which it does all it
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

struct supervisor {
    struct settings settings;
    char *const *environment;
    bool in_container;        /* base/container.h */
    struct accounts accounts; /* of the container */
    const char *address;      /* where it listens, or NULL: everywhere */
    struct connection_limits_limits limits;
    struct listener listeners[LIMIT_LISTENERS];
    size_t listener_count;

    int signals;   /* signalfd(2) */
    int log;       /* /dev/log, or -1 */
    pid_t printer; /* the process that prints what comes there, or 0 */
    int64_t printer_retry;
    int64_t accept_again; /* something was short: nobody is accepted before */
    int64_t short_note;   /* and the log hears of it not before this */
    int64_t signal_note;  /* the same for signals that do not count */
    struct shutdown stop;
};

/* Blocks the signals that supervisor_run takes: from now on none of them is lost. Returns 0, or -1
 * with errno. */
int supervisor_block_signals(struct supervisor *h);

/* Listens and serves until a signal ends it. */
void supervisor_run(struct supervisor *h);

#endif
