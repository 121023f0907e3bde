#include "serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "links.h"
#include "spawn.h"

/* ---- the environment ---- */

static struct env environment;

static bool is_kept(const char *name, size_t n) { return !ucspi_owns(name, n); }

int serve_prepare(char *const *given) {
    static char proto[] = "PROTO=TCP", link[] = INIT_LINK_VARIABLE;
    env_start(&environment);
    env_copy(&environment, given, is_kept);
    env_replace(&environment, proto);
    env_replace(&environment, link);
    return env_list(&environment) != NULL ? 0 : -1;
}

void serve_own_syslog(void) {
    static char variable[] = LOG_OWN_SYSLOG;
    env_replace(&environment, variable);
}

char *const *serve_environment(void) { return env_list(&environment); }

/* Writes an address as the variables have it: one of IPv4 mapped into IPv6 is one of IPv4. */
static void format_address(char out[LIMIT_PEER], unsigned *port, const struct sockaddr_storage *a) {
    struct ip ip = {.n = sizeof(struct in_addr)};
    ip_of_socket(&ip, port, a);
    ip_unmap(&ip);
    ip_print(out, &ip);
}

/* Sets the variables of UCSPI, by the names of tcpserver and ipsvd. The environment keeps pointers
 * to the texts until the next connection's replace them. */
static void set_addresses(const char *remote, unsigned remote_port, int fd) {
    static char text[4][LIMIT_PEER + sizeof "TCPREMOTEPORT="];
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof own;
    char local[LIMIT_PEER] = "";
    unsigned local_port = 0;
    if (getsockname(fd, (struct sockaddr *)&own, &n) == 0)
        format_address(local, &local_port, &own);
    snprintf(text[0], sizeof text[0], "TCPREMOTEIP=%s", remote);
    snprintf(text[1], sizeof text[1], "TCPREMOTEPORT=%u", remote_port);
    snprintf(text[2], sizeof text[2], "TCPLOCALIP=%s", local);
    snprintf(text[3], sizeof text[3], "TCPLOCALPORT=%u", local_port);
    for (int i = 0; i < 4; i++)
        env_replace(&environment, text[i]);
}

/* ---- the process ---- */

bool serve_connection(struct listener *l, unsigned number, int links,
                      const struct connection_limits *limits, int fd,
                      const struct sockaddr_storage *peer, int64_t now) {
    struct connection_owner owner;
    char remote[LIMIT_PEER];
    unsigned port;
    format_address(remote, &port, peer);
    connection_limits_identify(&owner, peer);
    const char *exceeded = connection_limits_exceeded(limits, number, &owner);
    if (exceeded != NULL) {
        connection_limits_refuse(l, fd, remote, exceeded, now);
        return true;
    }
    set_addresses(remote, port, fd);
    int link[2];
    links_add(links, number, link);
    pid_t pid = spawn_self(l->argv, env_list(&environment), fd, link[1]);
    int error = errno;
    fd_close(&link[1]);
    if (pid == -1) {
        links_remove(links, link[0]);
        connection_limits_refuse(l, fd, remote, strerror(error), now);
        return false;
    }
    close(fd);
    connection_add(pid, number, &owner, link[0]);
    return true;
}
