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
#include "base/landlock_apart.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "connection.h"
#include "links.h"
#include "spawn.h"
#include "unknown.h"

/* ---- the environment ---- */

static struct env environment;

static bool is_kept(const char *name, size_t n) {
    return !ucspi_owns(name, n)
           && !(n == sizeof LANDLOCK_APART_VARIABLE - 1
                && memcmp(name, LANDLOCK_APART_VARIABLE, n) == 0);
}

int serve_prepare(char *const *given) {
    static char proto[] = "PROTO=TCP", link[INIT_LINK_VARIABLE];
    init_link_describe(link);
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

void serve_ruleset(char *variable) { env_replace(&environment, variable); }

char *const *serve_environment(void) { return env_list(&environment); }

/* One of IPv4 mapped into IPv6 is one of IPv4. */
void serve_format_address(char out[LIMIT_PEER], unsigned *port, const struct sockaddr_storage *a) {
    struct ip ip = {.n = sizeof(struct in_addr)};
    ip_of_socket(&ip, port, a);
    ip_unmap(&ip);
    ip_print(out, &ip);
}

/* Sets the variables of UCSPI, by the names of tcpserver and ipsvd. The environment keeps pointers
 * to the texts until the next connection's replace them. */
static void set_addresses(const struct sockaddr_storage *peer, int fd) {
    static char text[4][LIMIT_PEER + sizeof "TCPREMOTEPORT="];
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof own;
    char remote[LIMIT_PEER], local[LIMIT_PEER] = "";
    unsigned remote_port, local_port = 0;
    serve_format_address(remote, &remote_port, peer);
    if (getsockname(fd, (struct sockaddr *)&own, &n) == 0)
        serve_format_address(local, &local_port, &own);
    snprintf(text[0], sizeof text[0], "TCPREMOTEIP=%s", remote);
    snprintf(text[1], sizeof text[1], "TCPREMOTEPORT=%u", remote_port);
    snprintf(text[2], sizeof text[2], "TCPLOCALIP=%s", local);
    snprintf(text[3], sizeof text[3], "TCPLOCALPORT=%u", local_port);
    for (int i = 0; i < 4; i++)
        env_replace(&environment, text[i]);
}

/* ---- the process ---- */

bool serve_connection(const struct listener *l, unsigned number, int links, int fd,
                      const struct sockaddr_storage *peer, const struct source *source,
                      int64_t now) {
    int link[2];
    set_addresses(peer, fd);
    links_add(links, link);
    pid_t pid = spawn_self(l->argv, env_list(&environment), fd, link[1]);
    int error = errno;
    fd_close(&link[1]);
    if (pid == -1) {
        links_remove(links, link[0]);
        errno = error;
        return false;
    }
    close(fd);
    /* Without a link it can't say what it knows. */
    connection_add(&(struct connection){
        .pid = pid,
        .link = link[0],
        .since = now,
        .deadline = unknown_begin(l, now),
        .source = *source,
        .listener = (unsigned char)number,
        .is_proxied = l->has_header,
        .state = link[0] == -1 ? CONNECTION_KNOWN : CONNECTION_UNKNOWN,
    });
    return true;
}
