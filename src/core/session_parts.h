/* session_parts.h: what session.c, session_lock.c and session_kept.c have of one another. */
#ifndef CORE_SESSION_PARTS_H
#define CORE_SESSION_PARTS_H

#include "core/audit.h"
#include "core/session.h"

/* What the request's run does while another one holds the lock: LOCK_MODE_WAIT ..., which of
 * LOCK_MODE_RERUN and LOCK_MODE_JOIN needs a record of the run. */
int session_lock_mode(const struct session *s, const struct request *rq, bool has_record);

/* Takes the lock as COMMAND_LOCK says, waiting where it says so: true when it is taken or none is
 * wanted (then lock.fd is -1). Else *o says why not; or s->shares is the run that this one
 * shares. */
bool session_take_lock(struct session *s, const struct request *rq, const struct decision *d,
                       const struct audit *a, struct front_link *front, struct outcome *o);

/* Lists the record of a run that is to be kept. False where that many are under way already. One
 * that can't be listed goes on without. */
bool session_list_record(struct session *s, struct outcome *o);

/* Says to the monitor, once, that this process, its keeper, has the run. */
void session_announce(struct session *s, struct front_link *front, const char *run_id);

/* Serves the request in this process, of its keeper or of the monitor. */
void session_serve_here(struct session *s, const struct request *rq, struct front_link *front);

/* Tells the front what became of the request. */
void session_tell(struct front_link *front, const struct outcome *o, const char *run_id);

#endif
