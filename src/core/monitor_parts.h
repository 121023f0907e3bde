/* monitor_parts.h: what monitor.c and monitor_hook.c have of one another. */
#ifndef CORE_MONITOR_PARTS_H
#define CORE_MONITOR_PARTS_H

#include "core/monitor.h"

/* What the front may say next. */
struct monitor_turn {
    bool admitted; /* one RUN may come */
    bool more;     /* and further requests after it */
    int64_t until; /* for a right credential to come; CLOCK_NEVER once one has */
    /* after a wrong credential: nothing is taken before this, so that a front that has been taken
     * over can't guess faster than a client */
    int64_t not_before;
};

/* Sends the front a message without a descriptor, and with a text or NULL. */
void monitor_send(struct monitor *m, const struct message *message, const char *text);

/* Tells the front how its request is to be served, with a text, and whether the RUN in its LOGIN is
 * being served (`runs`); or, with a `reason`, that it is not to be: the log gets that, and nothing
 * is taken for LIMIT_DENIED_MS. */
void monitor_answer_login(struct monitor *m, struct monitor_turn *turn, const char *reason,
                          struct slice text, bool runs);

/* ---- monitor_hook.c ---- */

/* Takes a message that is a part of a delivery: MESSAGE_HOOK, MESSAGE_BODY, MESSAGE_VERIFY or
 * MESSAGE_VALUE. m->hook is there. False where the message is not sound, or not due. */
bool monitor_take_hook(struct monitor *m, struct monitor_turn *turn);

/* Serves a delivery whose signature was right, `rq` being what RUN has said. False where the front
 * has not given all values. */
bool monitor_serve_hook(struct monitor *m, struct monitor_turn *turn, struct request *rq);

#endif
