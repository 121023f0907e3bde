#include "serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/ip.h"
#include "base/landlock_apart.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "connection.h"
#include "links.h"
#include "spares.h"
#include "spawn.h"
#include "unknown.h"

/* ---- the environment ---- */

static struct env environment;
static char link_variable[INIT_LINK_VARIABLE];

static bool is_kept(const char *name, size_t n) {
    return !ucspi_owns(name, n)
           && !(n == sizeof LANDLOCK_APART_VARIABLE - 1
                && memcmp(name, LANDLOCK_APART_VARIABLE, n) == 0);
}

int serve_prepare(char *const *given) {
    static char proto[] = "PROTO=TCP";
    init_link_describe(link_variable);
    env_start(&environment);
    env_copy(&environment, given, is_kept);
    env_replace(&environment, proto);
    env_replace(&environment, link_variable);
    return env_list(&environment) != NULL ? 0 : -1;
}

void serve_own_syslog(void) {
    static char variable[] = LOG_OWN_SYSLOG;
    env_replace(&environment, variable);
}

void serve_ruleset(char *variable) { env_replace(&environment, variable); }

char *const *serve_environment(void) { return env_list(&environment); }

/* One of IPv4 mapped into IPv6 is one of IPv4. */
void serve_format_address(char out[LIMIT_PEER], unsigned *port, const struct sockaddr_storage *a) {
    struct ip ip = {.n = sizeof(struct in_addr)};
    ip_of_socket(&ip, port, a);
    ip_unmap(&ip);
    ip_print(out, &ip);
}

/* The variables of UCSPI, by the names of tcpserver and ipsvd, each with its NUL. */
static void put_addresses(struct buf *b, const struct sockaddr_storage *peer, int fd) {
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof own;
    char remote[LIMIT_PEER], local[LIMIT_PEER] = "";
    unsigned remote_port, local_port = 0;
    serve_format_address(remote, &remote_port, peer);
    if (getsockname(fd, (struct sockaddr *)&own, &n) == 0)
        serve_format_address(local, &local_port, &own);
    buf_format(b, "TCPREMOTEIP=%s%cTCPREMOTEPORT=%u%cTCPLOCALIP=%s%cTCPLOCALPORT=%u%c", remote, 0,
               remote_port, 0, local, 0, local_port, 0);
}

/* ---- the process ---- */

/* Starts one for the connection, whose variables are in its environment alone. Returns its process
 * id, or -1 with errno. */
static pid_t start(const struct listener *l, int links, int fd, const struct buf *addresses,
                   int *link) {
    int ends[2];
    size_t own = environment.n;
    for (char *at = addresses->at; at < addresses->at + addresses->len; at += strlen(at) + 1)
        env_replace(&environment, at);
    links_add(links, ends);
    pid_t pid = spawn_self(l->argv, env_list(&environment), fd, ends[1]);
    int error = errno;
    environment.n = own;
    fd_close(&ends[1]);
    if (pid == -1)
        links_remove(links, ends[0]);
    *link = ends[0];
    errno = error;
    return pid;
}

pid_t serve_spare(const struct listener *l, int link) {
    char *kind = link_variable + sizeof INIT_LINK_NAME - 1, usual = *kind;
    *kind = INIT_LINK_SPARE;
    pid_t pid = spawn_self(l->argv, env_list(&environment), fd_null(), link);
    *kind = usual;
    return pid;
}

bool serve_connection(const struct listener *l, unsigned number, int links, int fd,
                      const struct sockaddr_storage *peer, const struct source *source,
                      int64_t now) {
    char text[INIT_LINK_TEXT];
    struct buf addresses = BUF_ON(text);
    int link;
    put_addresses(&addresses, peer, fd);
    pid_t pid = spares_give(number, fd, &addresses, &link, now);
    if (pid != -1)
        links_watch(links, &link);
    else
        pid = start(l, links, fd, &addresses, &link);
    if (pid == -1)
        return false;
    close(fd);
    /* Without a link it can't say what it knows. */
    connection_add(&(struct connection){
        .pid = pid,
        .link = link,
        .since = now,
        .deadline = unknown_begin(l, now),
        .source = *source,
        .listener = (unsigned char)number,
        .is_proxied = l->has_header,
        .state = link == -1 ? CONNECTION_KNOWN : CONNECTION_UNKNOWN,
    });
    return true;
}
