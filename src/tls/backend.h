/* backend.h: the program behind TLS. Its process is made before the private key is read, waits for
 * the end of the handshake, and then executes the program: nothing of the key was ever in its
 * memory. */
#ifndef TLS_BACKEND_H
#define TLS_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"

/* What the handshake has shown, as it is sent to that process. The sender may have been taken over
 * by an attacker: so these are a number and two names alone, which the receiver checks before they
 * become variables. */
struct backend_facts {
    uint16_t suite;
    char server_name[256];        /* SNI, or empty */
    char client_name[LIMIT_USER]; /* the common name of a client's certificate, or empty */
};

struct backend {
    pid_t pid;
    int fd; /* our end of what is its standard input and output, not blocking and close-on-exec */
    bool is_spare; /* it was executed before the connection was there (base/init_link.h) */
};

/* Makes the process, for the program `argv` and a client at `peer`. SIGCHLD is blocked from here
 * on. Returns 0, or -1 with errno. */
int backend_prepare(struct backend *b, char **argv, const char *peer);

/* The same where the connection is not there yet: the program, `bastion http`, is executed at once,
 * and waits for it. Returns 0 once it does, or -1: it can't. */
int backend_prepare_spare(struct backend *b, char **argv);

/* Tells such a program of its client, before that has said anything: `text` of
 * base/init_link.h. */
void backend_introduce(const struct backend *b, const char *text);

/* Has it execute the program, or go on. Returns 0, or -1 when it is not there any more. */
int backend_begin(const struct backend *b, const struct backend_facts *facts);

/* Waits for its end up to `ms` milliseconds, or for ever with -1. True with *code, 128 + n for
 * signal n. */
bool backend_end(struct backend *b, int64_t ms, int *code);

#endif
