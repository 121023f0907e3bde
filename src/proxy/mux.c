#include "proxy/mux.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "core/client.h"
#include "core/settings.h"
#include "proxy/denial.h"
#include "wire/opening.h"

extern char **environ;

/* ---- the look ---- */

enum look {
    LOOK_CHOSEN,
    LOOK_SILENT, /* nothing came in LIMIT_MUX_SILENT_MS: an SSH client waits for the server */
    LOOK_GONE,   /* the client has ended its side */
    LOOK_LATE,   /* what came in LIMIT_MUX_MS says too little */
    LOOK_FAILED
};

/* Waits for more than the `have` bytes that are there (socket(7), SO_RCVLOWAT). What is left of
 * that option would hold up the program. */
static int wait_for_more(int fd, size_t have, int64_t deadline) {
    struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLRDHUP};
    int least = (int)have + 1;
    int64_t left = deadline - clock_now();
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
    int ready = left > 0 ? poll(&pfd, 1, (int)left) : 0;
    least = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
    return ready == 1 && (pfd.revents & (POLLRDHUP | POLLERR | POLLHUP)) != 0 ? -1 : ready;
}

static enum look look_at(int fd, enum opening_choice *choice) {
    char first[OPENING_BYTES];
    int64_t start = clock_now();
    bool ending = false, more = false; /* what the kernel has said */
    for (size_t before = 0;;) {
        ssize_t n = recv(fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return errno == ECONNRESET ? LOOK_GONE : LOOK_FAILED;
        size_t have = n > 0 ? (size_t)n : 0;
        *choice = opening_choose(first, have);
        if (have > 0 && *choice != OPENING_OPEN)
            return LOOK_CHOSEN;
        if (n == 0 || (ending && have == before))
            return LOOK_GONE;
        if (more && have == before) { /* urgent data (tcp(7)), which no look gets past */
            *choice = OPENING_IS_NONE;
            return LOOK_CHOSEN;
        }
        int ready = wait_for_more(
            fd, have, clock_after(start, have > 0 ? LIMIT_MUX_MS : LIMIT_MUX_SILENT_MS));
        if (ready == 0)
            return have > 0 ? LOOK_LATE : LOOK_SILENT;
        ending = ready == -1; /* what has come before the end counts */
        more = ready == 1;
        before = have;
    }
}

/* ---- the program ---- */

/* The file by its name, as in init/spawn.c. Where nothing has that name any more (an upgrade has
 * taken its place, and the kernel adds " (deleted)"), this is still the same program. */
static const char *own_path(void) {
    static char path[LIMIT_PATH];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return n <= 0 ? "bastion" : access(path, X_OK) == 0 ? path : "/proc/self/exe";
}

static int execute(const char *program, const char *behind, const char *peer) {
    const char *path = own_path(), *words[] = {path, program, NULL, NULL, NULL};
    char error[LIMIT_PATH + 64];
    if (behind != NULL) {
        words[2] = path;
        words[3] = behind;
    }
    execvp(path, (char *const *)(uintptr_t)words);
    snprintf(error, sizeof error, "%s: %s", path, strerror(errno));
    audit_error("mux", peer, error);
    return 71;
}

/* Whether a credential may come in clear text: where there is no certificate it comes so or not at
 * all; else from this machine, or from a proxy that speaks TLS with the client. */
static bool may_be_plain(const struct settings *s, const char *peer, bool has_tls) {
    char via[LIMIT_VIA];
    ucspi_via(via, environ);
    return !has_tls || ucspi_is_loopback(peer) || via[0] != '\0' || client_is_proxy(s, peer);
}

static int execute_chosen(const struct settings *s, enum opening_choice choice, const char *peer) {
    bool has_tls = settings_given(s, SETTING_TLS_CERT) || settings_given(s, SETTING_TLS);
    switch (choice) {
    case OPENING_IS_SSH: return execute("ssh", NULL, peer);
    case OPENING_IS_TLS:
        return has_tls
                   ? execute("tls", "http", peer)
                   : proxy_deny("mux", peer, "the client speaks TLS, and there is no certificate");
    case OPENING_IS_HTTP:
        return may_be_plain(s, peer, has_tls)
                   ? execute("http", NULL, peer)
                   : proxy_deny(
                       "mux", peer,
                       "the client speaks HTTP without TLS, though there is a certificate");
    case OPENING_IS_PROXY:
        return proxy_deny("mux", peer,
                          "a header of the PROXY protocol, which takes bastion proxy before this");
    default: return proxy_deny("mux", peer, "what came is neither SSH, nor TLS, nor HTTP");
    }
}

int mux_main(int argc, char **argv) {
    static struct settings settings; /* large */
    struct settings_places places = {environ, settings_directories};
    enum opening_choice choice;
    char peer[LIMIT_PEER];
    (void)argv;
    if (argc > 1) {
        fputs("usage: bastion mux\n", stderr);
        return 64;
    }
    init_link_open(environ, true);
    if (fd_only_standard() == -1)
        return 71;
    prctl(PR_SET_DUMPABLE, 0);
    const char *error = settings_start(&settings, &places, NEED_TLS | NEED_PROXIES);
    if (!init_link_await_in_place())
        return 71;
    ucspi_peer(peer, environ, 0);
    if (error != NULL) {
        audit_error("mux", peer, error);
        return 78;
    }
    switch (look_at(0, &choice)) {
    case LOOK_CHOSEN: return execute_chosen(&settings, choice, peer);
    case LOOK_SILENT: return execute("ssh", NULL, peer);
    case LOOK_GONE: return 0;
    case LOOK_LATE:
        return proxy_deny("mux", peer, "too few bytes came to tell SSH, TLS and HTTP apart");
    case LOOK_FAILED: break;
    }
    snprintf(peer, sizeof peer, "unknown");
    audit_error("mux", peer, "descriptor 0 is no connection");
    return 71;
}
