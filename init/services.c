#include "services.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/fd.h"
#include "base/log.h"
#include "core/audit.h"
#include "preflight.h"
#include "serve.h"
#include "spawn.h"

/* The same for every request, none of which is read. */
static const char busy_http[] =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nCache-Control: "
    "no-store\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\nToo many connections.\n";

static int refuse_start(const char *reason) { return log_no_start("init", reason); }

static bool has_either(const struct supervisor *v, enum setting one, enum setting other) {
    return settings_given(&v->settings, one) || settings_given(&v->settings, other);
}
static bool has_port(const struct supervisor *v, enum setting port) {
    return settings_number(&v->settings, port) != 0;
}
static bool has_credential(const struct supervisor *v) { return settings_serve_http(&v->settings); }
static bool has_http(const struct supervisor *v) {
    return has_credential(v) && has_port(v, SETTING_HTTP_PORT);
}
static bool has_https(const struct supervisor *v) {
    return has_credential(v) && has_either(v, SETTING_TLS_CERT, SETTING_TLS)
           && has_port(v, SETTING_HTTPS_PORT);
}

bool services_have_header(const struct supervisor *v) {
    return settings_number(&v->settings, SETTING_PROXY_PROTOCOL) == PROXY_PROTOCOL_ON;
}

/* `bastion PROGRAM`, behind `bastion tls` where that is asked for, and before both `bastion proxy`
 * where that is. `argv` has room for that. */
static const char *const *put_argv(const struct supervisor *v, const char **argv, bool tls,
                                   const char *program) {
    const char **next = argv;
    *next++ = "bastion";
    if (services_have_header(v)) {
        *next++ = "proxy";
        *next++ = spawn_path();
    }
    if (tls) {
        *next++ = "tls";
        *next++ = spawn_path();
    }
    *next++ = program;
    *next = NULL;
    return argv;
}

static void add_listener(struct supervisor *v, const char *channel, const char *const *argv,
                         int64_t unknown_ms, enum setting port) {
    bool is_http = port == SETTING_HTTP_PORT;
    v->listeners[v->listener_count++] =
        (struct listener){.channel = channel,
                          .argv = argv,
                          .limits = &v->limits,
                          .proxies = settings_text(&v->settings, SETTING_TRUSTED_PROXIES),
                          .has_header = services_have_header(v),
                          .is_nonblocking = is_http && !services_have_header(v),
                          .refusal = is_http ? busy_http : NULL,
                          .unknown_ms = unknown_ms,
                          .refused_ms = port != SETTING_SSH_PORT ? LIMIT_UNKNOWN_REFUSED_MS : 0,
                          .port = (unsigned)settings_number(&v->settings, port),
                          .fd = -1};
}

/* Whoever logs in becomes SSH_USER: that takes root, or a process that is this account already. On
 * a host that account may not be fit for logins, and HTTP is served alone. In the container it is
 * made fit, so that root has an error to mend where SSH can't be served. Returns whether SSH is
 * served, or -1 for that error, which has its line in the log. */
static int prepare_ssh(enum rundir rundir) {
    static const char *const argv[] = {"bastion", "ssh", "--prepare", NULL};
    char text[PREFLIGHT_TEXT];
    const char *error = container_is_ours() ? preflight_ssh_error(text) : NULL;
    bool can = error == NULL && rundir == RUNDIR_OURS && (geteuid() == 0 || container_is_ours());
    if (can && spawn_and_wait(argv, serve_environment()) == 0)
        return 1;
    if (geteuid() == 0 && container_is_ours())
        return -1;
    audit_notice("ssh", error != NULL ? error
                        : can         ? "SSH is not served, only HTTP: what it takes is missing"
                              : "SSH is not served, only HTTP: it takes root, and an account whose "
                                "login shell is bastion");
    return 0;
}

/* TLS=self-signed: makes the certificate, unless there is one, beside the host's key. It has the
 * names that clients in the same container and outside of it use. */
static int prepare_certificate(const struct supervisor *v) {
    char host[256] = "";
    const char *argv[] = {
        "bastion",   "cert", "--keep", settings_text(&v->settings, SETTING_SSH_KEYS),
        "localhost", host,   NULL};
    if (!settings_given(&v->settings, SETTING_TLS))
        return 0;
    gethostname(host, sizeof host - 1);
    int code = spawn_and_wait(argv, serve_environment());
    if (code != 64)
        return code;
    argv[5] = NULL; /* a container may have a name that no certificate can */
    return spawn_and_wait(argv, serve_environment());
}

static void note_lost_key(const struct supervisor *v) {
    char text[LIMIT_PATH + 128];
    const char *keys = settings_text(&v->settings, SETTING_SSH_KEYS);
    snprintf(text, sizeof text,
             "SSH_KEYS: %s is on no volume: the host's key goes when this container goes", keys);
    if (container_is_ours() && !rundir_is_volume(keys))
        audit_notice("ssh", text);
}

int services_choose(struct supervisor *v, enum rundir rundir) {
    enum { ROOM = 7 };
    static const char *http[ROOM], *https[ROOM], *ssh[ROOM], *mux[ROOM];
    bool has_mux = has_port(v, SETTING_MUX_PORT);
    if (has_http(v))
        add_listener(v, "http", put_argv(v, http, false, "http"), LIMIT_UNKNOWN_HTTP_MS,
                     SETTING_HTTP_PORT);
    if ((has_https(v) || has_mux) && prepare_certificate(v) != 0) /* it has said why */
        return 78;
    if (has_https(v))
        add_listener(v, "https", put_argv(v, https, true, "http"), LIMIT_UNKNOWN_HTTPS_MS,
                     SETTING_HTTPS_PORT);
    int has_ssh = has_port(v, SETTING_SSH_PORT) || has_mux ? prepare_ssh(rundir) : 0;
    if (has_ssh == -1)
        return 78;
    if (has_ssh == 1)
        note_lost_key(v);
    if (has_ssh == 1 && has_port(v, SETTING_SSH_PORT))
        add_listener(v, "ssh", put_argv(v, ssh, false, "ssh"), LIMIT_UNKNOWN_SSH_MS,
                     SETTING_SSH_PORT);
    if (has_mux)
        add_listener(v, "mux", put_argv(v, mux, false, "mux"), LIMIT_UNKNOWN_SSH_MS,
                     SETTING_MUX_PORT);
    if (v->listener_count > 0)
        return 0;
    return refuse_start(
        has_credential(v)
            ? "HTTP_PORT, HTTPS_PORT, SSH_PORT, MUX_PORT: no port is on that can be served, so "
              "that there is "
              "nothing to do"
            : "HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set, so that there is nothing to serve");
}

/* For `bastion health`: a line for each listener, with its address and port, and a word where it
 * expects a header of the PROXY protocol. */
static void write_listener_list(const struct supervisor *v) {
    char text[LIMIT_LISTENERS * (LIMIT_PEER + 32)];
    struct buf b = BUF_ON(text);
    const char *address = v->address != NULL ? v->address : "127.0.0.1";
    for (size_t i = 0; i < v->listener_count; i++)
        buf_format(&b, "%s %s %u%s\n", v->listeners[i].channel, address, v->listeners[i].port,
                   v->listeners[i].has_header ? " proxy" : "");
    int directory =
        open(settings_text(&v->settings, SETTING_RUN_DIR), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory != -1)
        fd_put_file(directory, "listeners", b.at, b.len, 0644, false);
    fd_close(&directory);
}

static void log_ready(const struct supervisor *v) {
    char text[256];
    struct buf b = BUF_ON(text);
    struct audit a = AUDIT_EMPTY;
    for (size_t i = 0; i < v->listener_count; i++)
        if (v->listeners[i].fd != -1)
            buf_format(&b, "%s%s on port %u", b.len > 0 ? ", " : "", v->listeners[i].channel,
                       v->listeners[i].port);
    a.event = "ready";
    a.reason = b.len > 0 ? buf_string(&b) : "no port can be listened on yet";
    audit_write(&a);
}

void services_open(struct supervisor *v) {
    for (size_t i = 0; i < v->listener_count; i++)
        listen_open(&v->listeners[i], v->address, clock_now());
    write_listener_list(v);
    log_ready(v);
}
