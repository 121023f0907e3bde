#include "http/body.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* Moves the bytes that are not used yet down to the offset `to`. */
static void shift_input(struct input *in, size_t to) {
    memmove(in->at + to, in->at + in->start, in->end - in->start);
    in->end -= in->start - to;
    in->start = to;
}

void input_rewind(struct input *in) {
    in->floor = 0;
    shift_input(in, 0);
}

ssize_t input_read(struct input *in) {
    if (in->start == in->end || (in->end == sizeof in->at && in->start > in->floor))
        shift_input(in, in->floor);
    if (in->end == sizeof in->at)
        return -1;
    ssize_t n = read(in->fd, in->at + in->end, sizeof in->at - in->end);
    if (n > 0)
        in->end += (size_t)n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    if (n <= 0)
        in->ended = true;
    return n > 0 ? n : 0;
}

void body_start(struct body *b, struct input *in, bool chunked, uint64_t length) {
    *b = (struct body){.in = in, .chunked = chunked, .length = length, .left = length};
}

void body_start_to_end(struct body *b, struct input *in) {
    *b = (struct body){.in = in, .to_end = true, .left = UINT64_MAX};
}

bool body_next(struct body *b) {
    struct input *in = b->in;
    while (b->content.n == 0 && !b->bad && in->start < in->end && !body_ended(b)) {
        const char *at = in->at + in->start;
        size_t n = in->end - in->start;
        if (!b->chunked) {
            b->content = (struct slice){at, n < b->left ? n : (size_t)b->left};
            break;
        }
        ssize_t used = chunk_read(&b->chunk, at, n, &b->content);
        if (used < 0)
            b->bad = true;
        else /* the content itself is passed over by body_taken */
            in->start += (size_t)used - b->content.n;
    }
    return b->content.n > 0;
}

void body_taken(struct body *b, size_t n) {
    b->content.at += n;
    b->content.n -= n;
    b->in->start += n;
    if (!b->chunked)
        b->left -= n;
}

bool body_ended(const struct body *b) {
    if (b->content.n > 0)
        return false;
    return b->to_end    ? b->in->ended && b->in->start == b->in->end
           : b->chunked ? chunk_ended(&b->chunk)
                        : b->left == 0;
}

ssize_t body_read(struct body *b) {
    if (b->content.n > 0)
        return -1; /* `content` points into the window, which must not move before that is used
                      up */
    ssize_t n = input_read(b->in);
    if (n == 0 && !body_ended(b))
        b->bad = true;
    return n;
}

void body_skip(struct body *b) {
    while (body_next(b))
        body_taken(b, b->content.n);
}

bool body_drop(struct body *b, int64_t deadline, int64_t idle) {
    size_t dropped = 0;
    for (int64_t now = clock_now(), until = clock_after(now, idle);; now = clock_now()) {
        body_skip(b);
        if (b->bad || body_ended(b) || dropped > LIMIT_DRAIN)
            return !b->bad && body_ended(b);
        ssize_t n = body_read(b);
        if (n > 0) {
            dropped += (size_t)n;
            until = clock_after(now, idle);
            if (now < deadline)
                continue;
        }
        int64_t left = clock_earlier(deadline, until) - now;
        struct pollfd pfd = {.fd = b->in->fd, .events = POLLIN};
        if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
            return body_ended(b);
    }
}
