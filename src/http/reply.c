#include "http/reply.h"

#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/status.h"
#include "limit.h"

enum { REPLY_SIZE = 2048 }; /* bytes of a head and a line of text */

void reply_head(struct buf *b, const struct reply *reply, int status) {
    if (reply->form == REPLY_CGI) {
        /* First of all fields: some web servers look for it nowhere else. */
        buf_format(b, "Status: %d %s\r\n", status, status_phrase(status));
    } else {
        char date[CLOCK_HTTP_DATE];
        clock_http_date(date);
        buf_format(b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, status_phrase(status), date);
        if (reply->close)
            buf_text(b, "Connection: close\r\n");
        else /* Keep-Alive counts only if Connection names it (RFC 2068, section 19.7.1.1) */
            buf_format(b, "Connection: keep-alive\r\nKeep-Alive: timeout=%d\r\n",
                       LIMIT_IDLE_MS / 1000);
    }
    buf_text(b, reply->json ? "Content-Type: application/json\r\n"
                            : "Content-Type: text/plain; charset=utf-8\r\n");
    buf_text(b, "Cache-Control: no-store\r\n"
                "X-Content-Type-Options: nosniff\r\n"
                "X-Accel-Buffering: no\r\n"); /* nginx passes on each piece of output as it comes */
}

void reply_end_head(struct buf *b, const struct reply *reply, size_t n) {
    if (!reply->no_length)
        buf_format(b, "Content-Length: %zu\r\n", n);
    buf_text(b, "\r\n");
}

int reply_send(const struct reply *reply, int status, const char *fields, const char *text) {
    char whole[REPLY_SIZE];
    struct buf b = BUF_ON(whole);
    if (text == NULL)
        text = status_text(status);
    reply_head(&b, reply, status);
    buf_text(&b, fields);
    reply_end_head(&b, reply, strlen(text) + 1);
    if (!reply->head_only)
        buf_format(&b, "%s\n", text);
    return b.full ? -1 : fd_write_all(reply->out, b.at, b.len, LIMIT_HEAD_MS);
}

int reply_continue(const struct reply *reply) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    return fd_write_all(reply->out, line, sizeof line - 1, LIMIT_HEAD_MS);
}
