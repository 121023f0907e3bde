/* response_frame.c: what of a response is written to the client, and the fields of its head. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/response_parts.h"

/* The client is gone: what was meant for it is dropped. */
void response_lose_client(struct response *r) {
    r->frontend.gone = true;
    r->from = r->to = r->held = 0;
}

/* Writes as much of the frame as the client takes now. */
void response_flush(struct response *r) {
    while (r->from < r->to) {
        ssize_t n = write(r->reply->out, r->frame + r->from, r->to - r->from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            response_lose_client(r);
            return;
        }
        r->from += (size_t)n;
        r->stall.at = CLOCK_NEVER; /* set anew by response_watch */
    }
    r->from = r->to = r->held = 0;
}

void response_prepend(struct response *r, const char *bytes, size_t n) {
    r->from -= n;
    memcpy(r->frame + r->from, bytes, n);
}

void response_append(struct response *r, const char *text) {
    size_t n = strlen(text);
    memcpy(r->frame + r->to, text, n);
    r->to += n;
}

/* Makes the output in the frame the next thing to write, as a chunk where the message is
 * chunked. */
void response_frame_output(struct response *r) {
    r->from = RESPONSE_DATA;
    r->to = RESPONSE_DATA + r->held;
    if (r->held > 0 && r->reply->chunked) {
        char line[CHUNK_HEAD];
        size_t n = chunk_head(line, r->held);
        response_prepend(r, line + CHUNK_HEAD - n, n);
        response_append(r, "\r\n");
    }
}

void response_send_output(struct response *r) {
    if (r->frontend.gone) {
        r->held = 0;
        return;
    }
    response_frame_output(r);
    response_flush(r);
}

/* The status and the fields that every response to a run has. */
void response_append_head(struct response *r, struct buf *b, int status) {
    reply_head(b, r->reply, status);
    if (r->run[0] != '\0')
        buf_format(b, "X-Bastion-Run: %s\r\n", r->run);
    if (r->has_about)
        buf_format(b, "X-Bastion-State: %s\r\n", render_state(&r->about));
}

/* The status of a run whose outcome is that. */
int response_status(enum outcome_kind kind, int code, bool hook_ok) {
    switch (kind) {
    case OUTCOME_ENDED:
    case OUTCOME_TIMEOUT:
    case OUTCOME_FAILED: return code == 0 || hook_ok ? 200 : 422;
    case OUTCOME_FORBIDDEN:
    case OUTCOME_DENIED: return 403;
    case OUTCOME_SKIPPED: return 200;
    case OUTCOME_BUSY: return 429;
    case OUTCOME_FULL: return 503;
    case OUTCOME_KEPT: return 202;
    case OUTCOME_UNKNOWN: return 404;
    case OUTCOME_LOST: return 422;
    case OUTCOME_GONE:
    case OUTCOME_ERROR: break;
    }
    return 500;
}

/* The fields that go with that. */
void response_append_outcome(struct buf *b, enum outcome_kind kind, int code) {
    if (kind == OUTCOME_ENDED || kind == OUTCOME_TIMEOUT || kind == OUTCOME_FAILED)
        buf_format(b, "X-Bastion-Exit-Code: %d\r\n", code);
    else if (kind == OUTCOME_FORBIDDEN || kind == OUTCOME_DENIED)
        buf_text(b, "X-Bastion-Exit-Code: 126\r\n");
    else if (kind == OUTCOME_SKIPPED)
        buf_text(b, "X-Bastion-Skipped: 1\r\n");
    else if (kind == OUTCOME_BUSY || kind == OUTCOME_FULL)
        buf_text(b, "Retry-After: " LIMIT_TEXT(LIMIT_RETRY_AFTER_S) "\r\n");
}

void response_append_rendered(struct response *r, void (*put)(struct render *, struct buf *)) {
    struct buf b = {.at = r->frame + RESPONSE_DATA + r->held, .cap = LIMIT_HELD - r->held};
    put(&r->render, &b);
    r->held += b.len;
}
