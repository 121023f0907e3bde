/* Any bytes as an engine's response: its head, its body, its frames, and JSON of which every value
 * is looked at and printed. What is printed anew is valid again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "limit.h"
#include "wire/docker_api.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[1 << 20];

static void put(void *context, const char *bytes, size_t n) { buf_bytes(context, bytes, n); }

static void look(struct slice value) {
    struct json_walk walk = {value, false};
    struct slice key, element;
    uint64_t number;
    struct buf b = BUF_ON(out);
    json_text(&b, value);
    json_number(value, UINT64_MAX, &number);
    size_t n = 0;
    for (; json_next(&walk, &key, &element); n++) {
        assert(element.n > 0 && element.at >= value.at
               && element.at + element.n < value.at + value.n);
        look(element);
    }
    assert(n == json_count(value));
}

static void check_json(struct slice text) {
    if (!json_is_valid(text))
        return;
    look(text);
    struct buf b = BUF_ON(out);
    json_compact(text, put, &b);
    assert(b.full || json_is_valid((struct slice){b.at, b.len}));
    b = BUF_ON(out);
    json_indent(text, 0, put, &b);
    assert(b.full || json_is_valid((struct slice){b.at, b.len}));
    b = BUF_ON(out);
    json_set(&b, text, "a.b", text);
    assert(b.full || b.len > 64 * LIMIT_JSON_DEPTH
           || json_kind((struct slice){b.at, b.len}) == JSON_OBJECT);
}

static void check_frames(const char *in, size_t n) {
    struct docker_frames f = {.left = 0};
    for (size_t at = 0; at < n;) {
        struct slice piece;
        enum docker_stream stream = DOCKER_STDOUT;
        size_t have = n - at < 13 ? n - at : 13;
        ssize_t used = docker_frames_read(&f, in + at, have, &piece, &stream);
        if (used == -1)
            return;
        assert(used > 0 && (size_t)used <= have && piece.n <= have && stream <= DOCKER_SYSTEMERR);
        at += (size_t)used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http1_head head;
    struct docker_body body;
    const char *in = (const char *)data;
    http1_start_response(&head);
    check_json((struct slice){in, size});
    check_frames(in, size);
    if (http1_read_head(&head, in, size) != 200 || !docker_body_start(&body, &head))
        return 0;
    for (size_t at = head.scanned; at < size && !docker_body_ended(&body);) {
        struct slice piece;
        ssize_t used = docker_body_read(&body, in + at, size - at, &piece);
        if (used == -1)
            break;
        assert(used > 0 && (size_t)used <= size - at);
        check_json(piece);
        at += (size_t)used;
    }
    return 0;
}
