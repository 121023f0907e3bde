/* host.h: where the engine is. */
#ifndef DOCKER_HOST_H
#define DOCKER_HOST_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "limit.h"

struct docker_host {
    char text[LIMIT_PATH];                                /* as messages name it */
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* of a local socket, else empty */
    char name[256], port[8];
    char authority[280];     /* for the field Host */
    char prefix[LIMIT_PATH]; /* before each request's path: empty, or /SEGMENT/SEGMENT, escaped */
};

/* Sets where the engine is: unix://PATH, tcp://HOST[:PORT][/PREFIX], or what docker(1) takes for
 * one of these. False: *why has the reason, one line. */
bool docker_host_set(const char *text, struct buf *why);
const struct docker_host *docker_host(void);

#endif
