/* session_cache.h: TLS sessions that clients may resume (RFC 5246, section F.1.4), in a file that
 * all connections share, since each is a process of its own: a client that comes back costs no
 * public-key operation. */
#ifndef TLS_SESSION_CACHE_H
#define TLS_SESSION_CACHE_H

#include <bearssl_ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#define SESSION_CACHE_FILE "tls-sessions"

struct session_cache {
    const br_ssl_session_cache_class *vtable; /* first: what br_ssl_server_set_cache takes */
    int fd;                                   /* -1: no file, so that nothing is found or kept */
    unsigned char context[32]; /* the hash of the certificate that a session belongs to */
};

/* Opens the file in `directory`, made for the account `uid` alone if it was not there. A session is
 * found again only with the same certificate (n bytes at `der`). Where there can be no file there
 * is no resumption; that is no error. */
void session_cache_open(struct session_cache *c, const char *directory, uid_t uid, gid_t gid,
                        const unsigned char *der, size_t n);

#endif
