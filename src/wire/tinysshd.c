#include "wire/tinysshd.h"

#include "wire/authorized.h"

static bool take_start(struct slice *s, const char *start) {
    size_t n = strlen(start);
    if (s->n < n || memcmp(s->at, start, n) != 0)
        return false;
    s->at += n;
    s->n -= n;
    return true;
}

static bool take_end(struct slice *s, const char *end) {
    size_t n = strlen(end);
    if (s->n < n || memcmp(s->at + s->n - n, end, n) != 0)
        return false;
    s->n -= n;
    return true;
}

/* "auth: ACCOUNT: ssh-ed25519 KEY accepted" */
static bool read_acceptance(struct tinysshd_line *l, struct slice message) {
    if (!take_start(&message, "auth: ") || !take_end(&message, " accepted")
        || message.n < SSH_KEY_TEXT)
        return false;
    l->key = (struct slice){message.at + message.n - SSH_KEY_TEXT, SSH_KEY_TEXT};
    message.n -= SSH_KEY_TEXT;
    l->account = message;
    return take_end(&l->account, ": ssh-ed25519 ");
}

/* "auth: ACCOUNT: TYPE SHA256:FINGERPRINT rejected": the last two words, which no space of the
 * client's can be in */
static bool read_rejection(struct tinysshd_line *l, struct slice message) {
    if (!take_start(&message, "auth: ") || !take_end(&message, " rejected"))
        return false;
    const char *fingerprint = memrchr(message.at, ' ', message.n);
    const char *type =
        fingerprint != NULL ? memrchr(message.at, ' ', (size_t)(fingerprint - message.at)) : NULL;
    if (type == NULL || message.n - (size_t)(fingerprint - message.at) < 8
        || memcmp(fingerprint, " SHA256:", 8) != 0)
        return false;
    l->text = (struct slice){type + 1, message.n - (size_t)(type + 1 - message.at)};
    return true;
}

static bool is_general(struct slice text) {
    return take_start(&text, "authentication failed")
           || take_start(&text, "unable to receive kex-message")
           || take_start(&text, "auth: unable to authorize using authorized_keys: key not found");
}

void tinysshd_read(struct tinysshd_line *l, struct slice line) {
    *l = (struct tinysshd_line){.kind = TINYSSHD_NOTE};
    static const char nobody[] = ": not exist";
    if (line.n > 0 && memmem(line.at, line.n, nobody, sizeof nobody - 1) != NULL) {
        l->kind = TINYSSHD_NOBODY;
        return;
    }
    if (!take_start(&line, "tinysshd: ") || line.n < 10)
        return;
    line.at += 8;
    line.n -= 8;
    if (!take_start(&line, ": "))
        return;
    const char *place = memrchr(line.at, '{', line.n);
    if (place != NULL)
        line.n = (size_t)(place - line.at);
    while (line.n > 0 && line.at[line.n - 1] == ' ')
        line.n--;
    if (take_start(&line, "info: ")) {
        if (read_acceptance(l, line))
            l->kind = TINYSSHD_ACCEPTED;
        else if (read_rejection(l, line))
            l->kind = TINYSSHD_REJECTED;
    } else if (take_start(&line, "warning: ") || take_start(&line, "fatal: ")
               || take_start(&line, "BUG: ")) {
        while (take_start(&line, " ")) {
        }
        l->text = line;
        l->kind = take_start(&line, "channel: ") ? TINYSSHD_DENIED
                  : is_general(line)             ? TINYSSHD_GENERAL
                                                 : TINYSSHD_TROUBLE;
    }
}
