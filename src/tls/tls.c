#include "tls/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/drop.h"
#include "base/fd.h"
#include "base/pages.h"
#include "base/ucspi.h"
#include "tls/backend.h"
#include "tls/tunnel.h"
#include "core/audit.h"
#include "tls/certificate.h"
#include "tls/client_cert.h"
#include "core/settings.h"
#include "tls/session_cache.h"
#include "tls/profile.h"

extern char **environ;

/* What takes part in the handshake, and in nothing behind it. */
struct papers {
    PAGES_ALIGNED struct settings settings; /* and thereby the whole of it */
    struct certificate certificate;
    struct client_cert client_ca;
    struct session_cache cache;
};

/* One connection. */
struct tls_connection {
    struct papers *papers;
    char peer[LIMIT_PEER];
    struct backend program;
    struct tunnel tunnel;
    br_ssl_server_context server;
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

static void note_denial(const struct tls_connection *v, const char *reason) {
    struct audit a = audit_denial("tls", v->peer, reason);
    audit_write(&a);
}

/* ---- before the first byte ---- */

/* Reads the key and all else that takes root. Returns NULL or the error. */
static const char *read_files(struct tls_connection *v) {
    static char text[2 * LIMIT_PATH];
    const char *authorities = settings_text(&v->papers->settings, SETTING_TLS_CLIENT_CA), *chain,
               *key, *error;
    if (!certificate_places(&v->papers->settings, &chain, &key))
        return "TLS_CERT, TLS_KEY, TLS: none is set";
    for (int i = 0; i < 3; i++) {
        const char *path = i == 0 ? chain : i == 1 ? key : authorities;
        if (path != NULL && !settings_file_counts(&v->papers->settings, path))
            return v->papers->settings.error;
    }
    if ((error = certificate_read(&v->papers->certificate, chain, key)) != NULL)
        return error;
    if ((error = certificate_age(&v->papers->certificate, time(NULL))) != NULL) {
        snprintf(text, sizeof text, "%s: the certificate is %s", chain, error);
        audit_error("tls", v->peer, text);
    }
    return authorities != NULL ? client_cert_read(&v->papers->client_ca, authorities) : NULL;
}

/* Lets go of everything that reading the key took. Returns 0, or -1 with errno. */
static int confine(void) {
    const struct account nobody = {.uid = ACCOUNT_TLS, .gid = ACCOUNT_TLS};
    const struct rlimit none = {0, 0};
    if (geteuid() == 0 && drop_to(&nobody) == -1)
        return -1;
    /* Changing the account may have made it dumpable again. */
    if (prctl(PR_SET_DUMPABLE, 0) == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1
        || setrlimit(RLIMIT_CORE, &none) == -1 || setrlimit(RLIMIT_NPROC, &none) == -1
        || chdir("/") == -1)
        return -1;
    return 0;
}

static void open_cache(struct papers *p, uid_t uid, gid_t gid) {
    const br_x509_certificate *first = &p->certificate.chain[0];
    session_cache_open(&p->cache, settings_text(&p->settings, SETTING_RUN_DIR), uid, gid,
                       first->data, first->data_len);
}

static const char *prepare(struct tls_connection *v, char **program) {
    static char text[128];
    struct settings_places places = {environ, settings_directories};
    const char *error = settings_start(&v->papers->settings, &places, NEED_TLS);
    if (error != NULL)
        return error;
    if (backend_prepare(&v->program, program, v->peer) == -1) {
        snprintf(text, sizeof text, "the program's process can't be made: %s", strerror(errno));
        return text;
    }
    error = read_files(v);
    if (error != NULL)
        return error;
    uid_t uid = geteuid() == 0 ? ACCOUNT_TLS : geteuid();
    gid_t gid = geteuid() == 0 ? ACCOUNT_TLS : getegid();
    open_cache(v->papers, uid, gid);
    if (confine() == -1) {
        snprintf(text, sizeof text, "cannot become the account %d without privileges: %s",
                 ACCOUNT_TLS, strerror(errno));
        return text;
    }
    /* a root of few capabilities can make the file, but not open what is another's */
    if (v->papers->cache.fd == -1)
        open_cache(v->papers, uid, gid);
    profile_set(&v->server, &v->papers->certificate);
    if (settings_given(&v->papers->settings, SETTING_TLS_CLIENT_CA))
        client_cert_require(&v->papers->client_ca,
                            &v->server); /* at every connection: no session is resumed */
    else
        br_ssl_server_set_cache(&v->server, &v->papers->cache.vtable);
    return profile_start(&v->server, v->buffer) ? NULL : "there are no random numbers";
}

/* ---- the connection ---- */

static void answer_http(struct tls_connection *v) {
    static const char text[] = "This port speaks HTTPS: use https:// in the address.\n";
    char answer[256];
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; "
                     "charset=utf-8\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     sizeof text - 1, text);
    note_denial(v, "HTTP without TLS");
    fd_write_all(1, answer, (size_t)n, LIMIT_DRAIN_MS);
}

/* Whether there is a client now that may talk to the program. */
static bool greet(struct tls_connection *v, int64_t deadline) {
    const char *why;
    switch (tunnel_shake_hands(&v->tunnel, deadline)) {
    case HELLO_TLS: return true;
    case HELLO_HTTP: answer_http(v); break;
    case HELLO_PROXY:
        note_denial(v, "TLS: a header of the PROXY protocol, which this port does not take");
        tunnel_alert(&v->tunnel, ALERT_UNEXPECTED);
        break;
    case HELLO_STRANGE:
        note_denial(v, "TLS: something else was spoken");
        tunnel_alert(&v->tunnel, ALERT_UNEXPECTED);
        break;
    case HELLO_FAILED:
        tunnel_alert_failure(&v->tunnel);
        if ((why = tunnel_why(&v->tunnel)) != NULL)
            note_denial(v, why);
        break;
    }
    return false;
}

/* What the program is told; false when the client has no name that it could be told. */
static bool gather(struct tls_connection *v, struct backend_facts *f) {
    memset(f, 0, sizeof *f);
    f->suite = v->server.eng.session.cipher_suite;
    snprintf(f->server_name, sizeof f->server_name, "%s",
             br_ssl_engine_get_server_name(&v->server.eng));
    if (!settings_given(&v->papers->settings, SETTING_TLS_CLIENT_CA))
        return true;
    const char *name = client_cert_name(&v->papers->client_ca);
    snprintf(f->client_name, sizeof f->client_name, "%s", name != NULL ? name : "");
    return name != NULL;
}

/* The program's output is whole when it says so, by shutdown(2), or ends with 0. Otherwise the
 * connection ends in an alert: no client takes the part for the whole. */
static bool ended_well(struct tls_connection *v, int *code) {
    if (tunnel_program_is_there(&v->tunnel))
        return true;
    return backend_end(&v->program, LIMIT_TLS_EXIT_MS, code) && *code == 0;
}

/* There is no second handshake. */
static void leave_papers(struct tls_connection *v) {
    certificate_wipe(&v->papers->certificate);
    fd_close(&v->papers->cache.fd);
    pages_release(v->papers, sizeof *v->papers);
}

static int serve(struct tls_connection *v) {
    struct backend_facts facts;
    const char *why;
    int code = -1;
    bool known = gather(v, &facts);
    leave_papers(v);
    if (!known) {
        note_denial(v, "TLS: the client's certificate has no usable common name");
        tunnel_alert(&v->tunnel, ALERT_BAD_CERTIFICATE);
    } else if (backend_begin(&v->program, &facts) == 0 && tunnel_carry(&v->tunnel, v->program.fd)) {
        tunnel_alert(&v->tunnel, ended_well(v, &code) ? ALERT_CLOSE : ALERT_INTERNAL);
        tunnel_pass_rest(&v->tunnel);
    } else if ((why = tunnel_why(&v->tunnel)) != NULL) {
        note_denial(v, why);
    }
    return code;
}

int tls_main(int argc, char **argv) {
    static struct papers papers;
    /* set below and not here, lest it all stand in the executable */
    static struct tls_connection v;
    int64_t deadline = clock_after(clock_now(), LIMIT_TLS_HANDSHAKE_MS);
    if (argc < 2 || argv[1][0] == '-') {
        fputs("usage: bastion tls PROGRAM [ARG...]\n", stderr);
        return 64;
    }
    if (fd_only_standard() == -1 || fd_nonblock(0) == -1 || fd_nonblock(1) == -1)
        return 71;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    v.papers = &papers;
    papers.cache.fd = v.program.fd = -1;
    ucspi_peer(v.peer, environ, 0);
    const char *error = prepare(&v, argv + 1);
    int code = -1;
    tunnel_start(&v.tunnel, &v.server.eng, 0, 1);
    if (error != NULL) {
        audit_error("tls", v.peer, error);
        tunnel_alert(&v.tunnel, ALERT_INTERNAL);
    } else if (greet(&v, deadline)) {
        code = serve(&v);
    }
    fd_close(&v.program.fd); /* tells it, where the client is gone or never was one */
    tunnel_close(&v.tunnel);
    certificate_wipe(&papers.certificate); /* there may have been no handshake */
    explicit_bzero(&v.server, sizeof v.server);
    explicit_bzero(v.buffer, sizeof v.buffer);
    close(0);
    close(1);
    if (code == -1 && v.program.pid > 0)
        backend_end(&v.program, -1, &code);
    return error != NULL ? 78 : code;
}
