#include "wire/docker_api.h"

#include <string.h>

#include "base/num.h"

/* ---- the body of a response ---- */

bool docker_body_start(struct docker_body *body, const struct http1_head *head) {
    struct slice length, coding;
    *body = (struct docker_body){.framing = DOCKER_UNTIL_CLOSE};
    if (head->status == 204 || head->status == 304) {
        body->framing = DOCKER_EMPTY;
        return true;
    }
    if (head->status < 200)
        return head->status == 101;
    size_t codings = http1_find(head, "Transfer-Encoding", &coding),
           lengths = http1_find(head, "Content-Length", &length);
    if (codings > 0) {
        body->framing = DOCKER_CHUNKED;
        return codings == 1 && lengths == 0 && slice_is_nocase(coding, "chunked");
    }
    if (lengths > 0) {
        body->framing = DOCKER_LENGTH;
        return lengths == 1 && num_decimal(length.at, length.n, INT64_MAX, &body->left);
    }
    return true;
}

ssize_t docker_body_read(struct docker_body *body, const char *in, size_t n, struct slice *data) {
    if (body->framing == DOCKER_CHUNKED)
        return chunk_read(&body->chunk, in, n, data);
    if (body->framing == DOCKER_EMPTY)
        n = 0;
    if (body->framing == DOCKER_LENGTH) {
        n = body->left < n ? (size_t)body->left : n;
        body->left -= n;
    }
    *data = (struct slice){in, n};
    return (ssize_t)n;
}

bool docker_body_ended(const struct docker_body *body) {
    switch (body->framing) {
    case DOCKER_EMPTY: return true;
    case DOCKER_LENGTH: return body->left == 0;
    case DOCKER_CHUNKED: return chunk_ended(&body->chunk);
    default: return false;
    }
}

bool docker_body_keeps(const struct docker_body *body, const struct http1_head *head) {
    return body->framing != DOCKER_UNTIL_CLOSE && head->minor == 1
           && !http1_lists(head, "Connection", "close");
}

/* ---- the output of a container ---- */

ssize_t docker_frames_read(struct docker_frames *f, const char *in, size_t n, struct slice *data,
                           enum docker_stream *stream) {
    *data = (struct slice){in, 0};
    size_t used = 0;
    if (f->left == 0) {
        used = sizeof f->head - f->have < n ? sizeof f->head - f->have : n;
        memcpy(f->head + f->have, in, used);
        f->have += (unsigned)used;
        if (f->head[0] > DOCKER_SYSTEMERR)
            return -1;
        if (f->have < sizeof f->head)
            return (ssize_t)used;
        f->left = (uint32_t)f->head[4] << 24 | (uint32_t)f->head[5] << 16
                  | (uint32_t)f->head[6] << 8 | f->head[7];
        f->have = 0;
    }
    *stream = (enum docker_stream)f->head[0];
    *data = (struct slice){in + used, f->left < n - used ? f->left : n - used};
    f->left -= (uint32_t)data->n;
    return (ssize_t)(used + data->n);
}

/* ---- requests ---- */

void docker_escape(struct buf *b, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || (c != '\0' && strchr("-._~", c) != NULL);
        if (plain)
            buf_char(b, (char)c);
        else
            buf_format(b, "%%%02X", c);
    }
}
