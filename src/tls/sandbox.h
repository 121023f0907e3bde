/* sandbox.h: what the process that speaks TLS may do: the key is in its memory during the
 * handshake, and the bytes of a client that nobody knows, until the end. */
#ifndef TLS_SANDBOX_H
#define TLS_SANDBOX_H

/* Before the first byte is read, and after everything that it needs is open: the table of sessions
 * among it. Returns 0, or -1 with errno: then nobody may be served. */
int sandbox_enter(void);

/* After the handshake, when the key is gone: only what carries bytes is left. */
void sandbox_narrow(void);

#endif
