/* json_push.h: JSON text (RFC 8259) that comes in pieces and is never held: it is checked as it
 * goes by, and no more of it is kept than the values that were asked for. However the text is cut
 * into pieces, the result is the same.
 *
 * A value is asked for by its path (wire/json_path.h). */
#ifndef WIRE_JSON_PUSH_H
#define WIRE_JSON_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "limit.h"
#include "wire/json.h"
#include "wire/slice.h"

/* A value that was asked for. */
struct json_found {
    enum json_kind kind; /* JSON_NONE: it is not there */
    /* a string with its escapes decoded, as UTF-8; a number or a word as it stands; nothing of an
     * array or object */
    size_t n;
    char text[LIMIT_JSON_VALUE];
    /* there is no text: it is longer than that, or has half of a surrogate pair, which no text
     * has */
    bool unusable;
};

struct json_push {
    /* The outcome: what is wrong with the text, a constant, or NULL; at which of its bytes, counted
     * from 0; and a bit for each path on which a name stands twice in one object: the first
     * counts. */
    const char *error;
    uint64_t at;
    uint32_t repeated;

    const char *const *path;
    struct json_found *found;
    size_t count;

    int state;
    size_t depth; /* containers that are open */
    struct json_level {
        uint32_t match; /* a bit for each path that leads through here */
        uint32_t taken; /* ... whose next name has been found */
        uint32_t index; /* of the next element */
        bool is_object;
    } level[LIMIT_JSON_DEPTH];
    uint32_t candidates;   /* paths that lead to the value at hand, or through it */
    uint32_t captured;     /* ... that end there */
    bool in_name, in_half; /* the string is a member's name; it has half of a surrogate pair */
    uint32_t code, high;   /* of the escape under way; of a first half before it, or 0 */
    size_t rest;           /* digits of it, or bytes of a character, that are to come */
    const char *word;      /* letters of true, false or null that are to come */
    struct buf text;       /* on `room`: the name, or the value that is captured */
    char room[LIMIT_JSON_VALUE];
    char character[4]; /* a character of several bytes, so far */
    size_t character_n;
};

/* Starts a text, of which the values at `count` paths (at most 32) are wanted: found[i] becomes the
 * one at path[i]. All of these stay the caller's. */
void json_push_start(struct json_push *p, const char *const *path, struct json_found *found,
                     size_t count);

/* Takes the next n bytes. False when the text is wrong; further bytes are not looked at then. */
bool json_push_bytes(struct json_push *p, const char *bytes, size_t n);

/* The text has ended. Returns whether it was whole and right. */
bool json_push_end(struct json_push *p);

#endif
