/* record.h: what is kept of a run that others may ask for (bastion(8), RUNS): a file in RUN_DIR
 * with the run's state and its output, of which the first and the last half are kept.
 *
 * The file belongs to the keeper of the run (core/keeper.h): the process that has started the
 * command and waits for its end. It has a lock on the open file (fcntl(2), F_OFD_SETLK) that the
 * kernel takes away with it: a record without that lock whose run has not ended is of one that is
 * lost. Others read it at any time (core/follow.h). Each folder of records is a role's, and root's
 * alone: no command and no front can open it. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/message.h"
#include "core/outcome.h"
#include "limit.h"

enum record_state {
    RECORD_WAITING = 1, /* for the lock */
    RECORD_RUNNING,
    RECORD_ENDED,
    RECORD_SHARED, /* another run covers it: `shares` */
    RECORD_LOST    /* its keeper is gone: nobody knows how it ends. Never stands in a file */
};

/* What a record says of its run. Of fixed size: it is a part of the file, and of messages. */
struct record_about {
    char run[MESSAGE_RUN_ID];
    char role[LIMIT_ROLE_NAME + 1]; /* empty: of none */
    char user[LIMIT_USER], channel[8];
    char shares[MESSAGE_RUN_ID]; /* RECORD_SHARED: the run that there is instead */
    uint8_t state;               /* enum record_state */
    uint8_t kind;                /* enum outcome_kind, once it has ended */
    uint8_t is_listed;           /* it can be asked for by its name */
    uint8_t is_truncated;        /* not all of its output is there */
    int32_t code, signal;        /* as in struct outcome */
    /* asked for, and the command's start, or 0: microseconds since 1970 */
    int64_t since, started;
    int64_t ms;     /* how long it has run */
    int64_t bytes;  /* of output that the command has written */
    int64_t length; /* of what record_read gives in all, as of now */
};

struct record_head;

/* ---- of the keeper ---- */

struct record {
    int directory; /* of the role's records */
    int fd;
    struct record_head *head; /* NULL: there is none */
    char name[MESSAGE_RUN_ID + 1];
    bool is_listed;
    int control;                   /* a socket by which others reach the keeper, or -1 */
    int follower[LIMIT_FOLLOWERS]; /* pipes on which followers wait, or -1 */
    bool is_killed;                /* somebody wants the run to be ended ... */
    char killer[LIMIT_USER];       /* ... and who */
};

/* Makes the record of a run, which is not listed yet, in the folder of `role` (NULL: of none) below
 * the open directory RUN_DIR. `most` bytes of output are kept. Returns 0, or -1 with errno; then
 * there is no record. */
int record_create(struct record *r, int run_dir, const char *role, const char *run,
                  const char *channel, const char *user, uint64_t most);

/* Takes away its name, for one that is never to be listed. */
void record_hide(struct record *r);

/* Lists it, and lets go of the oldest whose runs have ended, so that there are `keep` at most.
 * Returns 0; 1 where that many are of runs under way: then it is not listed; or -1 with errno. */
int record_list(struct record *r, uint64_t keep);

void record_running(struct record *r);

/* Adds n bytes of the command's output, and wakes those who follow. */
void record_add(struct record *r, const char *bytes, size_t n);

/* The run has ended so, after `ms` milliseconds. What a client is told of one that did not run
 * stands in the place of output. The record is closed; one that is not listed is gone. */
void record_end(struct record *r, const struct outcome *o, int64_t ms);

/* There is no such run, since `run` is shared, whose record says what becomes of it. The record is
 * closed. */
void record_share(struct record *r, const char *run);

/* Takes what has come on r->control: somebody who follows, or who wants the run to be ended. */
void record_take_control(struct record *r);

/* Closes it here, without a word: another process is its keeper. */
void record_leave(struct record *r);

/* ---- of those who read ---- */

struct record_reader {
    int run_dir; /* the caller's, which stays open */
    const char *role;
    int fd;
    const struct record_head *head; /* NULL: there is none */
    int wake;      /* a pipe on which the keeper says that something has changed; or -1 */
    int64_t at;    /* of the output, what comes next */
    bool has_told; /* what is left out at the end */
    char line[64]; /* what stands for a part that is left out: of this, [line_at, line_n) is next */
    size_t line_at, line_n;
};

/* Opens a run's record, for one that may follow the run (record_follow) or end it. False where the
 * role has none of this name: `run` may be anything. */
bool record_open(struct record_reader *r, int run_dir, const char *role, const char *run);

/* Where the record says that another run is shared, opens that one's in its place, to be followed
 * too. False where there is nothing to be done: it says no such thing, or the other is gone. */
bool record_open_shared(struct record_reader *r);

/* The same of one that this process has just created, and does not list. Its keeper, this process
 * or one that is forked (core/keeper.h) and closes this, says on r->wake when there is more. */
bool record_open_own(struct record_reader *r, struct record *own, int run_dir, const char *role);

/* Has the keeper say, unless it does already, on r->wake when there is more, or the run has ended.
 * Where it can't be, nobody will say it. */
void record_follow(struct record_reader *r, int run_dir, const char *role);

/* Asks the keeper to end the run. */
void record_kill(const struct record_reader *r, int run_dir, const char *role, const char *user);

/* What the record says now. */
void record_look(const struct record_reader *r, struct record_about *about);

/* Takes the next bytes of the output, n at most, and for a part that was left out a line that says
 * so. Returns their count; 0 where there are none yet, or, once the run has ended, no more. */
size_t record_read(struct record_reader *r, char *out, size_t n);

void record_close(struct record_reader *r);

/* Whether the run is over, however it has ended; and what of that a client is told. */
bool record_is_over(const struct record_about *about);
enum outcome_kind record_outcome(const struct record_about *about);

/* ---- all of a role ---- */

/* Whether there are folders of records, of any role, in this directory. */
bool record_any(const char *run_dir);

/* Gives the role's records, newest first, LIMIT_RUNS_KEEP at most: returns their count. The list is
 * valid until the next call. */
size_t record_all(const char (**names)[MESSAGE_RUN_ID], int run_dir, const char *role);

#endif
