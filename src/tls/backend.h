/* backend.h: the program behind TLS: a process that is there before the private key is read, waits
 * for the handshake, and then becomes it, so that nothing of the key was ever in its memory. */
#ifndef TLS_BACKEND_H
#define TLS_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"

/* What the handshake has shown. It comes from a process that an attacker may have taken over, so
 * that it is numbers and names alone; what becomes of them is decided on the other side. */
struct backend_facts {
    uint16_t suite;
    char server_name[256];        /* SNI, or empty */
    char client_name[LIMIT_USER]; /* the common name of a client's certificate, or empty */
};

struct backend {
    pid_t pid;
    int fd; /* our end of what is its standard input and output, not blocking and close-on-exec */
};

/* Makes the process. Signals: SIGCHLD is blocked from here on. Returns 0, or -1 with errno. */
int backend_prepare(struct backend *p, char **argv, const char *peer);

/* Lets it become the program. Returns 0, or -1 when it is not there any more. */
int backend_begin(const struct backend *p, const struct backend_facts *facts);

/* Waits for its end up to `ms` milliseconds, or for ever with -1. True with *code, 128 + n for
 * signal n. */
bool backend_end(struct backend *p, int64_t ms, int *code);

#endif
