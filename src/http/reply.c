#include "http/reply.h"

#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"

enum { REPLY = 2048 }; /* a head and a short text */

/* RFC 9110, section 15, and RFC 6585. */
static const char *phrase(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
    }
}

void reply_head(struct buf *b, const struct reply *x, int status) {
    if (x->form == FORM_CGI) {
        /* First of all fields: some web servers look for it nowhere else. */
        buf_format(b, "Status: %d %s\r\n", status, phrase(status));
    } else {
        char date[CLOCK_HTTP_DATE];
        clock_http_date(date);
        buf_format(b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, phrase(status), date);
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
    buf_format(&b, "Content-Length: %zu\r\n\r\n", strlen(text));
    if (!x->head_only)
        buf_text(&b, text);
    return b.full ? -1 : fd_write_all(x->out, b.at, b.len, LIMIT_HEAD_MS);
}

int reply_continue(const struct reply *x) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    return fd_write_all(x->out, line, sizeof line - 1, LIMIT_HEAD_MS);
}
