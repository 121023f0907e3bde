/* JSON written: texts quoted, an object with one value changed, values printed anew. */
#include <string.h>

#include "wire/json.h"
#include "wire/json_token.h"
#include "wire/utf8.h"

/* A character as Go's encoding/json writes it. */
static void write_escaped(struct buf *b, uint32_t code, bool html) {
    static const char from[] = "\b\f\n\r\t\\\"", to[] = "bfnrt\\\"";
    const char *known = code > 0 && code < 0x80 ? strchr(from, (int)code) : NULL;
    if (known != NULL)
        buf_format(b, "\\%c", to[known - from]);
    else if (code < 0x20 || code == 0x2028 || code == 0x2029
             || (html && (code == '<' || code == '>' || code == '&')))
        buf_format(b, "\\u%04x", (unsigned)code);
    else
        utf8_write(b, code);
}

size_t json_character(struct buf *b, const char *text, size_t n) {
    uint32_t code;
    size_t length = utf8_read_any(text, n, &code);
    write_escaped(b, code, false);
    return length;
}

void json_quote(struct buf *b, const char *text, size_t n) {
    buf_char(b, '"');
    for (size_t i = 0; i < n;)
        i += json_character(b, text + i, n - i);
    buf_char(b, '"');
}

void json_requote(struct buf *b, struct slice value, bool html) {
    uint32_t code;
    buf_char(b, '"');
    for (size_t i = 1; i < value.n - 1;) {
        i += json_token_character(value.at + i, value.n - 1 - i, &code);
        write_escaped(b, code, html);
    }
    buf_char(b, '"');
}

void json_set(struct buf *b, struct slice object, const char *path, struct slice value) {
    struct json_walk walk = {object, false};
    struct slice key, member;
    size_t n = strcspn(path, ".");
    bool done = false, first = true;
    const char *rest = path[n] == '.' ? path + n + 1 : NULL;
    buf_char(b, '{');
    while (!done || json_kind(object) == JSON_OBJECT) {
        bool more = json_kind(object) == JSON_OBJECT && json_next(&walk, &key, &member);
        if (!more && done)
            break;
        bool ours = !more || (key.n == n + 2 && memcmp(key.at + 1, path, n) == 0);
        if (!first)
            buf_char(b, ',');
        first = false;
        if (ours)
            json_quote(b, path, n);
        else
            buf_bytes(b, key.at, key.n);
        buf_char(b, ':');
        if (ours && rest != NULL)
            json_set(b, more ? member : (struct slice){path, 0}, rest, value);
        else
            buf_bytes(b, ours ? value.at : member.at, ours ? value.n : member.n);
        done = done || ours;
        if (!more)
            break;
    }
    buf_char(b, '}');
}

void json_indent(struct slice value, unsigned level,
                 void (*put)(void *context, const char *bytes, size_t n), void *context) {
    bool fresh = false; /* the last token opened a container */
    for (size_t i = 0; i < value.n;) {
        char c = value.at[i];
        if (json_token_is_space(c)) {
            i++;
            continue;
        }
        bool closes = c == '}' || c == ']', opens = c == '{' || c == '[';
        level -= closes;
        if ((fresh && !closes) || (closes && !fresh)) {
            put(context, "\n", 1);
            for (unsigned k = 0; k < level; k++)
                put(context, "    ", 4);
        }
        level += opens;
        fresh = opens;
        size_t n = opens || closes || c == ',' || c == ':'
                       ? 1
                       : json_token_length((struct slice){value.at + i, value.n - i});
        put(context, value.at + i, n);
        i += n;
        if (c == ':')
            put(context, " ", 1);
        fresh = fresh || c == ','; /* what follows a comma begins a line, too */
    }
}

void json_compact(struct slice value, void (*put)(void *context, const char *bytes, size_t n),
                  void *context) {
    for (size_t i = 0; i < value.n;) {
        char c = value.at[i];
        size_t n = json_token_is_space(c) || strchr("{}[],:", c) != NULL
                       ? 1
                       : json_token_length((struct slice){value.at + i, value.n - i});
        if (!json_token_is_space(c))
            put(context, value.at + i, n);
        i += n;
    }
}
