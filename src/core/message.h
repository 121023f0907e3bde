/* message.h: what the two processes of a connection say to one another: the front, which parses
 * what a client sends and may do nothing else, and the monitor, which decides, starts and
 * records. One message is one packet of a socket of their own (unix(7), SOCK_SEQPACKET): a fixed
 * structure, then a text of bounded length, and where it says so descriptors.
 *
 *     front      READY(wait)  LOGIN ──▶ ADMITTED | DENIED     RUN ──▶ REFUSED | STARTED … ENDED
 *
 * LOGIN can have the RUN in it: ADMITTED says whether it is being served, or has to be sent.
 * When the run is over the monitor asks how much output there was (ENDING, answered by COUNT),
 * unless the front has said so by itself at the end of the output, writes the log's line, and says
 * ENDED. REFUSAL, a line for the log on a request that the front
 * refuses by itself, may come at any time between two runs, and is answered by NOTED: the log knows
 * before the client does. Where READY asks for it, FORWARDED comes before each request's LOGIN,
 * HOOK or REFUSAL, and has no answer: whom a proxy speaks for; it counts until the next one. SLOW
 * may come while the command runs, once for each LIMIT_SLOW_MS since its start, and has no answer.
 *
 * A delivery of a webhook has a signature in the place of a credential:
 *
 *     front      HOOK ──▶ ADMITTED(paths) | DENIED     BODY ──▶ TAKEN …     VERIFY ──▶ ADMITTED |
 *                DENIED     VALUE ──▶ TAKEN …     RUN as above
 *
 * Of runs that are kept (core/record.h) a front may ask after a LOGIN, in the place of RUN:
 *
 *     front      RUNS ──▶ STARTED … ENDED     RUN, FOLLOW ──▶ REFUSED | RECORD [STARTED … ENDED]
 *
 * STARTED has a pipe with what the records of all runs say, one behind the other, or with the
 * output of the one. RECORD is what the record says when that begins. Nothing follows it where the
 * front has asked for the state alone, or for the end of the run, or has RUN it without its client.
 *
 * A front that goes away closes the socket; a monitor that has no use
 * for its client any more does, too. */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"
#include "wire/slice.h"

enum message_type {
    /* of the monitor */
    MESSAGE_READY = 1, /* the settings are read; text: how a client is asked for a credential */
    MESSAGE_ADMITTED,  /* the credential was right: one RUN may follow */
    MESSAGE_DENIED,    /* it was not: the log knows why */
    MESSAGE_REFUSED,   /* nothing runs; text: what the client is told of it */
    MESSAGE_STARTED,   /* the command runs; descriptors: what the front reads of it, and writes */
    MESSAGE_ENDING,    /* it has ended: how much output was there? */
    MESSAGE_ENDED,     /* and the log knows of it */
    MESSAGE_NOTED,     /* the log knows of what the front refused */
    /* of the front */
    MESSAGE_HELLO,     /* the login shell is there (ssh/handoff.h) */
    MESSAGE_LOGIN,     /* text: what is asked for, then a credential, as the client sent it */
    MESSAGE_RUN,       /* text: what is asked for, then variables, each with its NUL; a terminal */
    MESSAGE_COUNT,     /* bytes of output that the command has written */
    MESSAGE_REFUSAL,   /* text: why the front refused a request */
    MESSAGE_SLOW,      /* the client has taken next to none of the output for LIMIT_SLOW_MS */
    MESSAGE_HOOK,      /* text: what a delivery of a webhook claims (core/hook.h) */
    MESSAGE_BODY,      /* text: the next bytes of its body */
    MESSAGE_VERIFY,    /* that was all of it: is it signed? */
    MESSAGE_VALUE,     /* text: the next of the values that were asked for */
    MESSAGE_TAKEN,     /* of the monitor: a part of a delivery has been taken, the next may come */
    MESSAGE_FORWARDED, /* text: addresses of X-Forwarded-For, of FORWARDED_ADDRESS bytes each */
    MESSAGE_RUNS,      /* which runs are there? */
    MESSAGE_FOLLOW,    /* text: the name of a run, of which one of these is wanted: */
    MESSAGE_RECORD,    /* of the monitor; text: what the record of a run says (core/record.h) */
    MESSAGE_TYPES
};

enum { MESSAGE_FDS = 3, MESSAGE_RUN_ID = 17, MESSAGE_COUNTS = 1 };

/* How a request wants to be served: bits. */
enum {
    MESSAGE_RUN_ASYNC = 1, /* without its client: the run is kept */
    MESSAGE_RUN_KEPT = 2,  /* it is kept, though its client waits for a while */
    MESSAGE_RUN_WHOLE = 4  /* its output comes once it has ended, behind what its record says */
};

/* What is wanted of a run that is kept. */
enum {
    MESSAGE_FOLLOW_OUTPUT, /* what there is, and what comes, to the end of the run */
    MESSAGE_FOLLOW_NOW,    /* what there is */
    MESSAGE_FOLLOW_STATE,  /* no output */
    MESSAGE_FOLLOW_KILL    /* its end */
};

struct message {
    uint32_t type;
    union {
        struct {
            uint8_t usable;         /* else nothing can be served, and the log says why */
            uint8_t asks_forwarded; /* the client is a proxy whose word counts */
            uint8_t is_set_up;      /* a connection that comes with it, which does not block */
        } ready;
        struct {
            uint8_t is_broker;    /* a request has to say what to run */
            uint8_t takes_input;  /* the command reads what the client sends */
            uint8_t hook_ok;      /* HOOK_OK */
            uint8_t runs;         /* the RUN in LOGIN is being served */
            int64_t hold_ms;      /* HTTP_HOLD_MS */
            int64_t heartbeat_ms; /* HTTP_HEARTBEAT */
            int64_t most;         /* bytes of a delivery's body */
        } admitted;
        struct {
            uint8_t may_run; /* if the credential is right, what RUN would say follows by itself */
            uint8_t has_request; /* as in `run` */
            uint32_t request_n;
        } login;
        struct {
            uint8_t form;           /* enum run_form */
            uint8_t has_request;    /* else the client asked for nothing */
            uint8_t leads_terminal; /* the terminal is nobody's: the command's session takes it */
            uint8_t way;            /* MESSAGE_RUN_ASYNC ... */
            uint32_t request_n;     /* bytes of the text that are the request */
        } run;
        struct {
            uint8_t what; /* MESSAGE_FOLLOW_OUTPUT ... */
        } follow;
        struct {
            int64_t bytes;
        } count;
        struct {
            int32_t status; /* HTTP's */
        } refusal;
        struct {
            uint8_t kind;     /* enum json_kind */
            uint8_t unusable; /* what is there is no text, or too long */
            uint8_t repeated; /* a name on its path stands there twice: this is the first */
        } value;
        struct {
            uint8_t more; /* as in struct forwarded_for */
        } forwarded;
        struct {             /* of REFUSED, STARTED and ENDED; STARTED: MESSAGE_COUNTS is its code
                              * where COUNT is expected */
            uint8_t kind;    /* enum outcome_kind */
            uint8_t is_last; /* the monitor serves no further request */
            int32_t code, signal;
            char run[MESSAGE_RUN_ID];
        } outcome;
    };
};

/* Makes the socket of a connection. Returns 0, or -1 with errno. */
int message_pair(int ends[2]);

/* From now on (or, with `named` false, not any more) each message that comes by this socket says
 * who has sent it. */
void message_name_senders(int link, bool named);

/* Sends it with n bytes of text and `fd_count` descriptors, without waiting: there is room for all
 * that an honest other side has not read yet. Returns 0, or -1: nobody reads there any more. */
int message_send(int link, const struct message *m, const void *text, size_t n, const int *fds,
                 size_t fd_count);

/* What has been received. The descriptors are the receiver's, close-on-exec; -1 for none. */
struct received {
    pid_t pid; /* of the sender, and its account: where message_name_senders was called */
    uid_t uid;
    struct message m;
    int fds[MESSAGE_FDS];
    size_t text_n;
    char text[LIMIT_MESSAGE_TEXT + 1]; /* with a NUL behind it */
};

enum receipt {
    RECEIPT_NONE, /* nothing is there yet */
    RECEIPT_MESSAGE,
    RECEIPT_END,    /* the other side is gone */
    RECEIPT_INVALID /* what came is no message */
};

/* Takes one message, without waiting. */
enum receipt message_receive(int link, struct received *r);

/* Waits for one until the deadline (base/clock.h): RECEIPT_NONE when it has passed. Signals that
 * are blocked else, and not in `mask`, count meanwhile; NULL: none does. */
enum receipt message_wait(int link, struct received *r, int64_t deadline, const sigset_t *mask);

/* Closes what came with it. */
void message_drop_fds(struct received *r);

#endif
