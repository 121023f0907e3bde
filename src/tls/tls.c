#include "tls/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/drop.h"
#include "base/fd.h"
#include "base/init_link.h"
#include "base/landlock_apart.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/random.h"
#include "base/ucspi.h"
#include "tls/backend.h"
#include "tls/tunnel.h"
#include "core/audit.h"
#include "tls/certificate.h"
#include "tls/client_cert.h"
#include "core/settings.h"
#include "tls/sandbox.h"
#include "tls/session_cache.h"
#include "tls/profile.h"

extern char **environ;

/* What is used until the end of the handshake, and then wiped and given back: most of the
 * memory. */
struct handshake {
    PAGES_ALIGNED struct settings settings; /* aligned, and thereby the whole struct is */
    struct certificate certificate;
    struct client_cert client_ca;
    struct session_cache cache;
    unsigned char seed[PROFILE_SEED];
};

/* One connection. */
struct tls_connection {
    struct handshake *handshake;
    char peer[LIMIT_PEER];
    struct backend program;
    struct tunnel tunnel;
    br_ssl_server_context server;
    char error[LIMIT_PATH + 256]; /* why it can't be served, where that is found out here */
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

static void note_denial(const struct tls_connection *c, const char *reason) {
    struct audit a = audit_denial("tls", c->peer, reason);
    if (init_link_ask() != INIT_LINK_COUNTED)
        audit_write(&a);
}

/* ---- before the first byte ---- */

/* Reads what only root may read: the key and, with it, the certificates. Returns NULL or the
 * error. */
static const char *read_files(struct tls_connection *c) {
    struct handshake *h = c->handshake;
    struct certificate_paths paths;
    char age_text[CERTIFICATE_AGE], text[sizeof paths.chain + sizeof age_text + 32];
    const char *authorities = settings_text(&h->settings, SETTING_TLS_CLIENT_CA);
    if (!certificate_paths(&paths, &h->settings))
        return "TLS_CERT, TLS_KEY, TLS: none is set";
    if (!settings_file_counts(&h->settings, paths.chain)
        || !settings_file_counts(&h->settings, paths.key)
        || (authorities != NULL && !settings_file_counts(&h->settings, authorities)))
        return h->settings.error;
    const char *error = certificate_read(&h->certificate, paths.chain, paths.key);
    if (error != NULL)
        return error;
    const char *age = certificate_age(age_text, &h->certificate, time(NULL));
    if (age != NULL) {
        snprintf(text, sizeof text, "%s: the certificate is %s", paths.chain, age);
        audit_error("tls", c->peer, text);
    }
    return authorities != NULL ? client_cert_read(&h->client_ca, authorities) : NULL;
}

/* There is a first one: certificate_read has found it. */
static void open_cache(struct handshake *h, uid_t uid, gid_t gid) {
    const br_x509_certificate *first = &h->certificate.chain[0];
    session_cache_open(&h->cache, settings_text(&h->settings, SETTING_RUN_DIR), uid, gid,
                       first->data, first->data_len); // NOLINT(clang-analyzer-core.NullDereference)
}

static const char *read_settings(struct tls_connection *c) {
    const struct settings_places places = {environ, settings_directories};
    return settings_start(&c->handshake->settings, &places, NEED_TLS);
}

/* Makes the program ready, and waits for the connection: nothing of the key was read until then.
 * False when there will be none, or could be none. */
static bool await_connection(struct tls_connection *c, char **program) {
    struct init_link_connection connection = {.fd = -1};
    if (read_settings(c) != NULL || backend_prepare_spare(&c->program, program) == -1
        || !init_link_await(&connection, c->program.fd) || dup2(connection.fd, 0) == -1
        || dup2(connection.fd, 1) == -1)
        return false;
    close(connection.fd);
    backend_introduce(&c->program, connection.text);
    ucspi_peer(c->peer, connection.variables, 0);
    return true;
}

static const char *prepare_connection(struct tls_connection *c, char **program) {
    const char *error = c->program.is_spare ? NULL : read_settings(c);
    if (error != NULL)
        return error;
    if (!c->program.is_spare && backend_prepare(&c->program, program, c->peer) == -1) {
        snprintf(c->error, sizeof c->error, "the program's process can't be made: %s",
                 strerror(errno));
        return c->error;
    }
    landlock_apart_close(); /* it is the program's */
    error = read_files(c);
    if (error != NULL)
        return error;
    uid_t uid = geteuid() == 0 ? ACCOUNT_TLS : geteuid();
    gid_t gid = geteuid() == 0 ? ACCOUNT_TLS : getegid();
    const struct account nobody = {.uid = ACCOUNT_TLS, .gid = ACCOUNT_TLS};
    open_cache(c->handshake, uid, gid);
    int failed = geteuid() == 0 && drop_to(&nobody) == -1 ? errno : 0;
    /* root without some capabilities can make the file, but not open it once it is the account's */
    if (failed == 0 && c->handshake->cache.fd == -1)
        open_cache(c->handshake, uid, gid);
    log_keep_syslog();
    if (random_fill(c->handshake->seed, sizeof c->handshake->seed) == -1)
        return "there are no random numbers";
    if (failed == 0 && sandbox_enter() == -1)
        failed = errno;
    if (failed != 0) {
        snprintf(c->error, sizeof c->error, "cannot become the account %d without privileges: %s",
                 ACCOUNT_TLS, strerror(failed));
        return c->error;
    }
    env_wipe(environ); /* the program's process has it, and nobody needs it here */
    profile_set(&c->server, &c->handshake->certificate);
    if (settings_given(&c->handshake->settings, SETTING_TLS_CLIENT_CA))
        client_cert_require(&c->handshake->client_ca,
                            &c->server); /* at every connection: no session is resumed */
    else
        br_ssl_server_set_cache(&c->server, &c->handshake->cache.vtable);
    return profile_start(&c->server, c->buffer, c->handshake->seed) ? NULL
                                                                    : "the engine can't start";
}

/* ---- the connection ---- */

static void respond_to_http(struct tls_connection *c) {
    static const char text[] = "This port speaks HTTPS: use https:// in the address.\n";
    char response[256];
    int n = snprintf(response, sizeof response,
                     "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; "
                     "charset=utf-8\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     sizeof text - 1, text);
    note_denial(c, "HTTP without TLS");
    fd_write_all(1, response, (size_t)n, LIMIT_DRAIN_MS);
}

/* Does the handshake. Whether there is a client then that may talk to the program; one that may not
 * has had its response or alert, and the log a line. */
static bool admit_client(struct tls_connection *c, int64_t deadline) {
    char text[ALERT_TEXT];
    const char *why;
    switch (tunnel_shake_hands(&c->tunnel, deadline)) {
    case HELLO_TLS: return true;
    case HELLO_HTTP: respond_to_http(c); break;
    case HELLO_PROXY:
        note_denial(c, "TLS: a header of the PROXY protocol, which this port does not take");
        tunnel_alert(&c->tunnel, ALERT_UNEXPECTED);
        break;
    case HELLO_STRANGE:
        note_denial(c, "TLS: something else was spoken");
        tunnel_alert(&c->tunnel, ALERT_UNEXPECTED);
        break;
    case HELLO_FAILED:
        tunnel_alert_failure(&c->tunnel);
        if ((why = tunnel_why(text, &c->tunnel)) != NULL)
            note_denial(c, why);
        break;
    }
    return false;
}

/* Gathers what the program gets to know of the client. False where TLS_CLIENT_CA asks for a name,
 * and the certificate has none that could be passed on. */
static bool gather_facts(struct tls_connection *c, struct backend_facts *f) {
    memset(f, 0, sizeof *f);
    /* BearSSL's private field (vendor/README.md, "A new version"): the suite that was agreed on */
    f->suite = c->server.eng.session.cipher_suite;
    snprintf(f->server_name, sizeof f->server_name, "%s",
             br_ssl_engine_get_server_name(&c->server.eng));
    if (!settings_given(&c->handshake->settings, SETTING_TLS_CLIENT_CA))
        return true;
    const char *name = client_cert_name(&c->handshake->client_ca);
    snprintf(f->client_name, sizeof f->client_name, "%s", name != NULL ? name : "");
    return name != NULL;
}

/* The program's output is whole when it says so, by shutdown(2), or ends with 0. Otherwise the
 * connection ends in an alert: no client takes the part for the whole. */
static bool output_is_whole(struct tls_connection *c, int *code) {
    if (tunnel_program_is_there(&c->tunnel))
        return true;
    return backend_end(&c->program, LIMIT_TLS_EXIT_MS, code) && *code == 0;
}

/* Gives back what only the handshake needed: there is no second one. */
static void release_handshake(struct tls_connection *c) {
    certificate_wipe(&c->handshake->certificate);
    fd_close(&c->handshake->cache.fd);
    pages_release(c->handshake, sizeof *c->handshake);
    sandbox_narrow();
}

static int serve_client(struct tls_connection *c) {
    struct backend_facts facts;
    char text[ALERT_TEXT];
    const char *why;
    int code = -1;
    bool known = gather_facts(c, &facts);
    release_handshake(c);
    if (!known) {
        note_denial(c, "TLS: the client's certificate has no usable common name");
        tunnel_alert(&c->tunnel, ALERT_BAD_CERTIFICATE);
    } else if (backend_begin(&c->program, &facts) == 0 && tunnel_carry(&c->tunnel, c->program.fd)) {
        tunnel_alert(&c->tunnel, output_is_whole(c, &code) ? ALERT_CLOSE : ALERT_INTERNAL);
        tunnel_pass_rest(&c->tunnel);
    } else if ((why = tunnel_why(text, &c->tunnel)) != NULL) {
        note_denial(c, why);
    }
    return code;
}

int tls_main(int argc, char **argv) {
    static struct handshake handshake;
    /* its fields are set below: with an initializer all of it would stand in the executable */
    static struct tls_connection c;
    if (argc < 2 || argv[1][0] == '-') {
        fputs("usage: bastion tls PROGRAM [ARG...]\n", stderr);
        return 64;
    }
    init_link_open(environ, true);
    if (fd_only_standard() == -1)
        return 71;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    c.handshake = &handshake;
    handshake.cache.fd = c.program.fd = -1;
    if (!init_link_is_spare())
        ucspi_peer(c.peer, environ, 0);
    else if (!await_connection(&c, argv + 1))
        return 0;
    int64_t deadline = clock_after(clock_now(), LIMIT_TLS_HANDSHAKE_MS);
    if (fd_nonblock(0) == -1 || fd_nonblock(1) == -1)
        return 71;
    const char *error = prepare_connection(&c, argv + 1);
    int code = -1;
    tunnel_start(&c.tunnel, &c.server.eng, 0, 1);
    if (error != NULL) {
        audit_error("tls", c.peer, error);
        tunnel_alert(&c.tunnel, ALERT_INTERNAL);
    } else if (admit_client(&c, deadline)) {
        code = serve_client(&c);
    }
    fd_close(&c.program.fd); /* from which it learns that the client is gone, or never came */
    tunnel_close(&c.tunnel);
    certificate_wipe(&handshake.certificate); /* there may have been no handshake */
    explicit_bzero(&c.server, sizeof c.server);
    explicit_bzero(c.buffer, sizeof c.buffer);
    close(0);
    close(1);
    if (code == -1 && c.program.pid > 0)
        backend_end(&c.program, -1, &code);
    return error != NULL ? 78 : code;
}
