/* peer.h: the other side of a connection: is it there, and does it take what it is sent? */
#ifndef BASE_PEER_H
#define BASE_PEER_H

#include <stdbool.h>
#include <stdint.h>

/* Has the kernel ask a silent peer whether it is there (tcp(7)): after `idle` seconds, then every
 * `interval` seconds; `count` questions without an answer make the socket report an error, and that
 * is the peer's going away. Does nothing where `fd` is no TCP socket: then whoever holds the other
 * end closes it. */
void peer_probe(int fd, int idle, int interval, int count);

/* Whether the peer of a TCP socket has closed its sending side, and done nothing else: not a byte
 * came, and no reset. False where nobody knows. */
bool peer_left_silently(int fd);

/* The bytes that the kernel still holds for the peer (SIOCOUTQ, tcp(7)); of a pipe those not read;
 * else 0. */
long peer_unsent(int fd);

/* Whether a peer takes what it is sent. One that takes nothing for LIMIT_WRITE_STALL_MS counts as
 * gone. */
struct peer_stall {
    int64_t at;  /* when it is looked whether it has taken anything; CLOCK_NEVER: nothing is sent */
    long unsent; /* bytes that the kernel held for it when the time began */
};

/* Before each wait: `sending` says that there is something for the peer on `fd` which it has not
 * taken. The time begins where it does not run yet. Returns when peer_stalled is to be asked.
 * Whoever could write something sets `at` to CLOCK_NEVER, and so begins the time anew. */
int64_t peer_stall_watch(struct peer_stall *s, int fd, bool sending, int64_t now);

/* After the wait: whether the time is over and the peer has taken nothing. */
bool peer_stalled(struct peer_stall *s, int fd, int64_t now);

/* From now on no small piece waits for the acknowledgement of the one before, nor does one that
 * waits already (TCP_NODELAY, tcp(7)). Returns whether `fd` is a TCP socket. */
bool peer_no_delay(int fd);

/* From now on the kernel takes no more for the peer while it holds this many bytes that it could
 * not send yet (TCP_NOTSENT_LOWAT, tcp(7)). So whoever writes there sees how fast a slow peer takes
 * what it is sent; else that comes in lumps of a third of the socket's buffer, a megabyte. */
void peer_hold_no_more_than(int fd, int bytes);

/* Reads and drops what still comes from a peer, until its end: LIMIT_DRAIN bytes and LIMIT_DRAIN_MS
 * at most. To be called before a connection is closed: a close with bytes of the peer's unread
 * would be a reset, which destroys what is on its way to it (RFC 9112, section 9.6). */
void peer_drain(int fd);

#endif
