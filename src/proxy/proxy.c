#include "proxy/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "core/client.h"
#include "core/settings.h"
#include "proxy/denial.h"
#include "proxy/reader.h"

extern char **environ;

/* ---- what the program is told ---- */

static bool starts_with(const char *name, size_t n, const char *prefix) {
    return n >= strlen(prefix) && memcmp(name, prefix, strlen(prefix)) == 0;
}

/* Whether a variable goes on to the program: none of those that say where the connection comes
 * from, by any superserver's name for it. */
static bool passes(const char *name, size_t n) {
    return !starts_with(name, n, "TCPLOCAL") && !starts_with(name, n, "TCPREMOTE")
           && !starts_with(name, n, "REMOTE_") && !starts_with(name, n, "BASTION_VIA");
}

static void set_address(struct env *e, const char *address_name, const char *port_name,
                        const struct ip *ip, unsigned port) {
    char text[LIMIT_PEER];
    ip_print(text, ip);
    env_set(e, address_name, text);
    snprintf(text, sizeof text, "%u", port);
    env_set(e, port_name, text);
}

/* The environment with the client of the header in UCSPI's variables, by the names of tcpserver and
 * ipsvd and by those of systemd, and with the proxy, which is at `peer`. NULL where it does not
 * fit. */
static char *const *make_environment(const struct proxy_protocol *h, const char *peer) {
    static struct env e; /* large; used once, right before execve(2) */
    char given[LIMIT_VIA], via[LIMIT_VIA];
    ucspi_via(given, environ);
    ucspi_add_via(via, peer, given);
    env_start(&e);
    env_copy(&e, environ, passes);
    set_address(&e, "TCPREMOTEIP", "TCPREMOTEPORT", &h->client, h->client_port);
    set_address(&e, "REMOTE_ADDR", "REMOTE_PORT", &h->client, h->client_port);
    set_address(&e, "TCPLOCALIP", "TCPLOCALPORT", &h->server, h->server_port);
    env_set(&e, "BASTION_VIA", via);
    return env_list(&e);
}

static int execute(char **argv, const struct proxy_protocol *h, const char *peer) {
    char error[LIMIT_PATH + 64];
    char *const *environment = h->has_client ? make_environment(h, peer) : environ;
    errno = E2BIG;
    if (environment != NULL)
        execvpe(argv[0], argv, environment);
    int failed = errno;
    snprintf(error, sizeof error, "%s: %s", argv[0], strerror(failed));
    audit_error("proxy", peer, error);
    return failed == ENOENT ? 127 : 126;
}

/* ---- whom it counts for ---- */

static const char *wrong_end(enum reader_end end) {
    switch (end) {
    case READER_CUT: return "the connection ended within a header of the PROXY protocol";
    case READER_LATE: return "no whole header of the PROXY protocol came in time";
    default: return "what came is no header of the PROXY protocol";
    }
}

/* Asks process 1, where that has accepted the connection, whether the client is one too many, and
 * waits as long as it says. */
static bool is_admitted(const struct proxy_protocol *h, const char *peer) {
    unsigned char address[16];
    struct ip ip = h->client;
    if (!h->has_client && !ip_read(&ip, peer))
        return true;
    ip_map(address, &ip);
    return init_link_admits(address);
}

int proxy_main(int argc, char **argv) {
    static struct settings settings; /* large */
    static const char not_trusted[] =
        "the address is not in TRUSTED_PROXIES: nobody there speaks for a client";
    struct settings_places places = {environ, settings_directories};
    struct reader_answer answer;
    char peer[LIMIT_PEER];
    if (argc < 2 || argv[1][0] == '-') {
        fputs("usage: bastion proxy PROGRAM [ARG...]\n", stderr);
        return 64;
    }
    init_link_open(environ, true);
    if (fd_only_standard() == -1)
        return 71;
    prctl(PR_SET_DUMPABLE, 0);
    const char *error = settings_start(&settings, &places, NEED_PROXIES);
    if (!init_link_await_in_place())
        return 71;
    ucspi_peer(peer, environ, 0);
    if (error != NULL) {
        audit_error("proxy", peer, error);
        return 78;
    }
    bool trusted = client_is_proxy(&settings, peer);
    /* The health check of `bastion init` says that it speaks for nobody: it has no other way in. */
    if (!trusted && !(ucspi_is_loopback(peer) && init_link_is_open()))
        return proxy_deny("proxy", peer, not_trusted);
    if (reader_run(&answer, 0, peer) == -1) {
        audit_error("proxy", peer,
                    "the process that reads the header of the PROXY protocol failed");
        return 71;
    }
    if (answer.end == READER_NOBODY)
        return 0;
    if (answer.end != READER_HEADER)
        return proxy_deny("proxy", peer, wrong_end(answer.end));
    if (answer.header.has_client && !trusted)
        return proxy_deny("proxy", peer, not_trusted);
    if (!is_admitted(&answer.header, peer))
        return 1; /* process 1 has logged it */
    return execute(argv + 1, &answer.header, peer);
}
