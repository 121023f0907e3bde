#include "ssh/login.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "wire/date.h"
#include "wire/tinysshd.h"

/* ---- what a line says ---- */

static void note_complaint(struct ssh_connection *c, struct slice text) {
    snprintf(c->complaint, sizeof c->complaint, "%.*s", (int)text.n, text.at);
}

/* The key of the list that was shown, by its type and fingerprint, and does not hold; or NULL. */
static const struct key *find_limited_key(const struct ssh_connection *c, struct slice shown) {
    static const char type[] = "ssh-ed25519 ";
    const struct authorized_keys *k = &c->setup.keys;
    for (size_t i = 0; i < k->count; i++) {
        char text[sizeof type + KEYS_FINGERPRINT], print[KEYS_FINGERPRINT];
        if (k->key[i].state == KEY_HOLDS)
            continue;
        authorized_keys_fingerprint(print, (struct slice){k->key[i].text, SSH_KEY_TEXT});
        snprintf(text, sizeof text, "%s%s", type, print);
        if (slice_is(shown, text))
            return &k->key[i];
    }
    return NULL;
}

/* Adds the key to those that were shown in vain; of one that has a limit, also whose it is, and
 * which. */
static void note_refused_key(struct ssh_connection *c, struct slice shown) {
    size_t n = strlen(c->refused_keys);
    const struct key *key = find_limited_key(c, shown);
    char date[DATE_TEXT], text[LIMIT_REFUSED_KEYS];
    struct buf b = BUF_ON(text);
    if (memmem(c->refused_keys, n, shown.at, shown.n) != NULL)
        return;
    buf_format(&b, "%s%.*s", n > 0 ? ", " : "", (int)shown.n, shown.at);
    if (key != NULL && key->state == KEY_EXPIRED) {
        date_print(date, key->expires);
        buf_format(&b, " of %s, which has expired at %s", key->identity, date);
    } else if (key != NULL && key->state == KEY_SHARED) {
        buf_format(&b, " of %s, which stands in two roles", key->identity);
    } else if (key != NULL) {
        buf_format(&b, " of %s, which does not count from this address", key->identity);
    }
    if (buf_string(&b) != NULL && b.len < sizeof c->refused_keys - n)
        memcpy(c->refused_keys + n, text, b.len + 1);
}

/* tinysshd let somebody in. If our list has no such key for this account, tinysshd is killed before
 * it starts anything: where ptrace(2) does not hold what it starts, nobody else would stop it. */
static void note_login(struct ssh_connection *c, const struct tinysshd_line *l) {
    char text[SSH_KEY_TEXT + 1];
    snprintf(text, sizeof text, "%.*s", SSH_KEY_TEXT, l->key.at);
    c->key = slice_is(l->account, c->setup.account.name)
                 ? authorized_keys_find(&c->setup.keys, text)
                 : NULL;
    c->login_unknown = c->key == NULL;
    if (c->login_unknown && !c->ended)
        kill(c->tinysshd, SIGKILL);
}

static void read_log_line(struct ssh_connection *c, struct slice line) {
    static const char no_account[] = "there is no such account";
    struct tinysshd_line l;
    tinysshd_read(&l, line);
    switch (l.kind) {
    case TINYSSHD_NOTE: break;
    case TINYSSHD_ACCEPTED: note_login(c, &l); break;
    case TINYSSHD_REJECTED: note_refused_key(c, l.text); break;
    case TINYSSHD_NOBODY:
        note_complaint(c, (struct slice){no_account, sizeof no_account - 1});
        c->no_account = true;
        c->key = NULL;
        c->login_unknown = false;
        break;
    case TINYSSHD_DENIED:
        if (c->key != NULL && !c->request_denied) {
            c->request_denied = true;
            connection_audit(c, "deny", "deny", "a request with a NUL byte");
        }
        break;
    case TINYSSHD_GENERAL:
    case TINYSSHD_TROUBLE:
        if (l.kind == TINYSSHD_TROUBLE || c->complaint[0] == '\0') {
            c->complaint_is_general = l.kind == TINYSSHD_GENERAL;
            note_complaint(c, l.text);
        }
        break;
    }
}

/* ---- reading ---- */

void login_read_log(struct ssh_connection *c) {
    for (;;) {
        ssize_t n = read(c->log, c->line + c->line_n, sizeof c->line - c->line_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            fd_close(&c->log);
        if (n <= 0)
            return;
        c->line_n += (size_t)n;
        char *from = c->line, *newline;
        while ((newline = memchr(from, '\n', c->line_n - (size_t)(from - c->line))) != NULL) {
            if (!c->line_too_long)
                read_log_line(c, (struct slice){from, (size_t)(newline - from)});
            c->line_too_long = false;
            from = newline + 1;
        }
        c->line_n -= (size_t)(from - c->line);
        memmove(c->line, from, c->line_n);
        if (c->line_n == sizeof c->line) {
            c->line_n = 0; /* tinysshd writes no line of this length */
            c->line_too_long = true;
        }
    }
}

/* ---- what it amounts to ---- */

bool login_may_start_shell(struct ssh_connection *c) {
    login_read_log(c);
    if (c->key == NULL)
        kill(c->tinysshd, SIGKILL);
    return c->key != NULL;
}

void login_failure(const struct ssh_connection *c, char reason[LOGIN_REASON]) {
    bool is_about_login =
        c->no_account || (!c->complaint_is_general && strncmp(c->complaint, "auth: ", 6) == 0);
    if (c->refused_keys[0] != '\0')
        snprintf(reason, LOGIN_REASON, "%s: %s",
                 is_about_login ? c->complaint : "no key that is let in", c->refused_keys);
    else
        snprintf(reason, LOGIN_REASON, "%s",
                 c->complaint[0] != '\0' ? c->complaint : "the connection ended before a login");
}
