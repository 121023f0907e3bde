/* tunnel_alert.c: the alerts of a tunnel, those that come and those that go. The engine has its own
 * rules for both; what is wanted beside them takes some of BearSSL's private fields. */
#include <stddef.h>

#include "base/fd.h"
#include "limit.h"
#include "tls/tunnel.h"

enum { RECORD_ALERT = 21, LEVEL_WARNING = 1, LEVEL_FATAL = 2 };

/* ---- alerts that come ---- */

/* The one tunnel of this process: take_alerts has no argument that would lead to it. */
static struct tunnel *tunnel_of_process;

/* The engine calls this for every record that is no application data. By itself it answers a
 * close_notify by one of its own and takes no more output. But a client that has sent all may well
 * wait for the response: so its alerts, authentic by now, are taken here, and everything else goes
 * on to the engine.
 *
 * BearSSL's private fields: hsrun, which calls this; record_type_in, hbuf_in and hlen_in, what kind
 * of record has come, and where its bytes are. (vendor/README.md, "A new version") */
static void take_alerts(void *cpu) {
    struct tunnel *t = tunnel_of_process;
    br_ssl_engine_context *e = t->engine;
    if (e->record_type_in != RECORD_ALERT || e->hlen_in == 0) {
        t->run_handshake(cpu);
        return;
    }
    for (; e->hlen_in > 0; e->hlen_in--) {
        unsigned char byte = *e->hbuf_in++;
        if (t->alert_level == 0) {
            t->alert_level = byte == LEVEL_WARNING ? LEVEL_WARNING : LEVEL_FATAL;
            continue;
        }
        if (t->alert_level == LEVEL_FATAL)
            t->gone = true;
        else if (byte == ALERT_CLOSE)
            t->client_ended = true;
        t->alert_level = 0;
    }
}

void tunnel_watch_alerts(struct tunnel *t) {
    tunnel_of_process = t;
    t->run_handshake = t->engine->hsrun; /* BearSSL's private field */
    t->engine->hsrun = take_alerts;
}

/* ---- alerts that go ---- */

/* The engine sends no alert that it is not asked for by its own rules: so a record is made by the
 * keys in use. BearSSL's private field: out.vtable, what makes records; with no keys yet it is the
 * one of clear text, br_sslrec_out_clear_vtable, which is private, too.
 * (vendor/README.md, "A new version") */
static void send_alert(struct tunnel *t, int level, int description) {
    br_ssl_engine_context *e = t->engine;
    /* a record's head and nonce go before, a tag behind */
    unsigned char room[128], *data = room + 64;
    size_t n = 2;
    data[0] = (unsigned char)level;
    data[1] = (unsigned char)description;
    if (t->cut || t->gone)
        return;
    if (e->out.vtable == NULL) /* it was never started */
        e->out.vtable = &br_sslrec_out_clear_vtable;
    const unsigned char *record =
        e->out.vtable->encrypt(&e->out.vtable, RECORD_ALERT, BR_TLS12, data, &n);
    if (fd_write_all(t->out, record, n, LIMIT_DRAIN_MS) == -1)
        t->gone = true;
}

void tunnel_alert(struct tunnel *t, int description) {
    send_alert(t, description == ALERT_CLOSE ? LEVEL_WARNING : LEVEL_FATAL, description);
}

void tunnel_alert_failure(struct tunnel *t) {
    int description = alert_number(br_ssl_engine_last_error(t->engine));
    if (description > 0)
        send_alert(t, LEVEL_FATAL, description);
}

const char *tunnel_why(char text[ALERT_TEXT], const struct tunnel *t) {
    return alert_text(text, br_ssl_engine_last_error(t->engine));
}
