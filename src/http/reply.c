#include "http/reply.h"

#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/status.h"
#include "limit.h"

enum { REPLY = 2048 }; /* a head and a short text */

void reply_head(struct buf *b, const struct reply *x, int status) {
    if (x->form == FORM_CGI) {
        /* First of all fields: some web servers look for it nowhere else. */
        buf_format(b, "Status: %d %s\r\n", status, status_phrase(status));
    } else {
        char date[CLOCK_HTTP_DATE];
        clock_http_date(date);
        buf_format(b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, status_phrase(status), date);
        if (x->close)
            buf_text(b, "Connection: close\r\n");
        else /* the one field counts only if the other names it (RFC 2068, section 19.7.1.1) */
            buf_format(b, "Connection: keep-alive\r\nKeep-Alive: timeout=%d\r\n",
                       LIMIT_IDLE_MS / 1000);
    }
    buf_text(b,
             "Content-Type: text/plain; charset=utf-8\r\nCache-Control: "
             "no-store\r\nX-Content-Type-Options: nosniff\r\n"
             "X-Accel-Buffering: no\r\n"); /* of nginx: each piece of output goes on as it comes */
}

int reply_send(const struct reply *x, int status, const char *fields, const char *text) {
    char whole[REPLY];
    struct buf b = BUF_ON(whole);
    reply_head(&b, x, status);
    buf_text(&b, fields);
    if (text == NULL)
        text = status_text(status);
    buf_format(&b, "Content-Length: %zu\r\n\r\n", strlen(text) + 1);
    if (!x->head_only)
        buf_format(&b, "%s\n", text);
    return b.full ? -1 : fd_write_all(x->out, b.at, b.len, LIMIT_HEAD_MS);
}

int reply_continue(const struct reply *x) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    return fd_write_all(x->out, line, sizeof line - 1, LIMIT_HEAD_MS);
}
