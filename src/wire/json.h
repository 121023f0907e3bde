/* json.h: JSON text (RFC 8259) read in place: no tree, no memory, numbers as they were written,
 * members in the order that they were sent in. A text is checked once as a whole (json_is_valid);
 * all others read only what was found valid. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/slice.h"

/* Whether the bytes are one JSON value, nested no deeper than LIMIT_JSON_DEPTH, with white space
 * around it at most. */
bool json_is_valid(struct slice text);

enum json_kind {
    JSON_NONE,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* What a value is; JSON_NONE for one that is not there (n = 0). */
enum json_kind json_kind(struct slice value);

/* Goes through an object's members or an array's elements. `text` is where the walk stands: start
 * with the whole value. False at the end, and for a value that is neither. *key is the member's
 * name with its quotes (n = 0 in an array), *value has no space around it. */
struct json_walk {
    struct slice text;
    bool begun;
};
bool json_next(struct json_walk *walk, struct slice *key, struct slice *value);

/* The object's member of that name, or n = 0. Of several the last counts, as in Go. */
struct slice json_member(struct slice object, const char *name);
/* The same by a path: names with a dot between them. */
struct slice json_at(struct slice object, const char *path);

/* How many members or elements there are. */
size_t json_count(struct slice value);

/* Adds a string's content as UTF-8; half of a surrogate pair, and bytes that are no UTF-8, become
 * U+FFFD. Anything but a string adds nothing. */
void json_text(struct buf *b, struct slice value);
/* The same as text of the caller's, with a NUL behind it; empty where it does not fit into `cap`
 * bytes or is no string. */
void json_copy(char *out, size_t cap, struct slice value);
/* Whether the value is a string with that content. */
bool json_is(struct slice value, const char *text);
bool json_is_true(struct slice value);
/* A number that is a whole one and not negative, at most `max`; false leaves *number alone. */
bool json_number(struct slice value, uint64_t max, uint64_t *number);

/* Adds text as a JSON string; bytes that are no UTF-8 become U+FFFD. */
void json_quote(struct buf *b, const char *text, size_t n);

/* Adds the first character of n > 0 bytes as it stands within such a string. Returns how many of
 * them that was. */
size_t json_character(struct buf *b, const char *text, size_t n);

/* Adds a JSON string with its content written anew, as Go does it: nothing is escaped that need not
 * be, but <, > and & where `html`. */
void json_requote(struct buf *b, struct slice value, bool html);

/* Adds the object with the value at a path (names with dots between) put in the place of what is
 * there, or added. */
void json_set(struct buf *b, struct slice object, const char *path, struct slice value);

/* Prints a value as Go's json.Indent does, with four spaces for a level and `level` levels before
 * each line but the first; strings and numbers stay as they are. `put` gets the pieces. */
void json_indent(struct slice value, unsigned level,
                 void (*put)(void *context, const char *bytes, size_t n), void *context);
/* The same with no white space at all. */
void json_compact(struct slice value, void (*put)(void *context, const char *bytes, size_t n),
                  void *context);

#endif
