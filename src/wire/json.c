#include "wire/json.h"

#include <string.h>

#include "base/num.h"
#include "limit.h"
#include "wire/json_token.h"
#include "wire/utf8.h"

bool json_token_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static struct slice skip_bytes(struct slice s, size_t n) {
    return (struct slice){s.at + n, s.n - n};
}

static struct slice skip_json_space(struct slice s) {
    size_t n = 0;
    while (n < s.n && json_token_is_space(s.at[n]))
        n++;
    return skip_bytes(s, n);
}

/* ---- is it valid? ---- */

/* Each returns the bytes that the token at the start of `s` has, or 0 when it is none. */

static size_t string_length(struct slice s) {
    size_t i = 1;
    if (s.n == 0 || s.at[0] != '"')
        return 0;
    while (i < s.n && s.at[i] != '"') {
        if ((unsigned char)s.at[i] < 0x20)
            return 0;
        if (s.at[i++] != '\\')
            continue;
        if (i == s.n || memchr("\"\\/bfnrtu", s.at[i], 9) == NULL)
            return 0;
        unsigned digits = s.at[i++] == 'u' ? 4 : 0;
        for (; digits > 0; digits--, i++)
            if (i == s.n || num_hex_digit((unsigned char)s.at[i]) < 0)
                return 0;
    }
    return i < s.n ? i + 1 : 0;
}

static size_t digits_length(struct slice s) {
    size_t n = 0;
    while (n < s.n && is_digit(s.at[n]))
        n++;
    return n;
}

/* [ - ] int [ frac ] [ exp ] (section 6) */
static size_t number_length(struct slice s) {
    size_t i = s.n > 0 && s.at[0] == '-';
    size_t whole = digits_length(skip_bytes(s, i));
    if (whole == 0 || (whole > 1 && s.at[i] == '0'))
        return 0;
    i += whole;
    if (i < s.n && s.at[i] == '.') {
        size_t part = digits_length(skip_bytes(s, i + 1));
        if (part == 0)
            return 0;
        i += 1 + part;
    }
    if (i < s.n && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i++;
        i += i < s.n && (s.at[i] == '+' || s.at[i] == '-');
        size_t part = digits_length(skip_bytes(s, i));
        if (part == 0)
            return 0;
        i += part;
    }
    return i;
}

size_t json_token_length(struct slice s) {
    static const char *const words[] = {"true", "false", "null"};
    if (s.n > 0 && s.at[0] == '"')
        return string_length(s);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (s.n >= strlen(words[i]) && memcmp(s.at, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return number_length(s);
}

/* The name of a member and its colon; what is left, or at = NULL. */
static struct slice skip_name(struct slice s) {
    s = skip_json_space(s);
    size_t n = string_length(s);
    s = skip_json_space(skip_bytes(s, n));
    return n > 0 && s.n > 0 && s.at[0] == ':' ? skip_bytes(s, 1) : (struct slice){NULL, 0};
}

bool json_is_valid(struct slice s) {
    char closers[LIMIT_JSON_DEPTH];
    size_t depth = 0;
    for (bool fresh = false;; fresh = false) {
        /* A value begins here; or, where a container was just opened, that may end. */
        for (;;) {
            s = skip_json_space(s);
            if (s.n == 0)
                return false;
            if (s.at[0] != '{' && s.at[0] != '[')
                break;
            if (depth == LIMIT_JSON_DEPTH)
                return false;
            closers[depth++] = s.at[0] == '{' ? '}' : ']';
            s = skip_json_space(skip_bytes(s, 1));
            fresh = s.n > 0 && s.at[0] == closers[depth - 1];
            if (fresh)
                break;
            if (closers[depth - 1] == '}' && (s = skip_name(s)).at == NULL)
                return false;
        }
        if (!fresh) {
            size_t n = json_token_length(s);
            if (n == 0)
                return false;
            s = skip_bytes(s, n);
        }
        /* A value has been read: the containers around it may end, or another value follows. */
        for (s = skip_json_space(s); depth > 0 && s.n > 0 && s.at[0] == closers[depth - 1];
             s = skip_json_space(skip_bytes(s, 1)))
            depth--;
        if (depth == 0)
            return s.n == 0;
        if (s.n == 0 || s.at[0] != ',')
            return false;
        s = skip_bytes(s, 1);
        if (closers[depth - 1] == '}' && (s = skip_name(s)).at == NULL)
            return false;
    }
}

/* ---- reading what is valid ---- */

enum json_kind json_kind(struct slice value) {
    if (value.n == 0)
        return JSON_NONE;
    switch (value.at[0]) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't':
    case 'f': return JSON_BOOL;
    case 'n': return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

/* The bytes of a value, containers included: only their ends and the strings within need a look. */
static size_t value_length(struct slice s) {
    size_t depth = 0, i = 0;
    while (i < s.n) {
        char c = s.at[i];
        if (c == '{' || c == '[') {
            depth++;
            i++;
        } else if (c == '}' || c == ']') {
            depth--;
            i++;
        } else if (depth == 0 || c == '"') {
            i += json_token_length(skip_bytes(s, i));
        } else {
            i++;
        }
        if (depth == 0)
            return i;
    }
    return i;
}

bool json_next(struct json_walk *walk, struct slice *key, struct slice *value) {
    struct slice s = skip_json_space(walk->text);
    enum json_kind kind = json_kind(s);
    if (!walk->begun) {
        if (kind != JSON_OBJECT && kind != JSON_ARRAY)
            return false;
        walk->begun = true;
    } else if (s.n == 0 || s.at[0] != ',') {
        return false;
    }
    s = skip_json_space(skip_bytes(s, 1));
    if (s.n == 0 || s.at[0] == '}' || s.at[0] == ']')
        return false;
    *key = (struct slice){s.at, 0};
    size_t n = s.at[0] == '"' ? string_length(s) : 0;
    struct slice rest = skip_json_space(skip_bytes(s, n));
    if (n > 0 && rest.n > 0 && rest.at[0] == ':') {
        key->n = n;
        s = skip_json_space(skip_bytes(rest, 1));
    }
    *value = (struct slice){s.at, value_length(s)};
    walk->text = skip_bytes(s, value->n);
    return true;
}

struct slice json_member(struct slice object, const char *name) {
    struct json_walk walk = {object, false};
    struct slice key, value, found = {object.at, 0};
    if (json_kind(object) != JSON_OBJECT)
        return found;
    while (json_next(&walk, &key, &value))
        if (json_is(key, name))
            found = value;
    return found;
}

struct slice json_at(struct slice object, const char *path) {
    char name[LIMIT_JSON_NAME];
    for (;;) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof name)
            return (struct slice){object.at, 0};
        memcpy(name, path, n);
        name[n] = '\0';
        object = json_member(object, name);
        if (path[n] == '\0' || object.n == 0)
            return object;
        path += n + 1;
    }
}

size_t json_count(struct slice value) {
    struct json_walk walk = {value, false};
    struct slice key, element;
    size_t n = 0;
    while (json_next(&walk, &key, &element))
        n++;
    return n;
}

static uint32_t read_hex4(const char *at) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)num_hex_digit((unsigned char)at[i]);
    return code;
}

/* One \u escape, or two that are a surrogate pair (section 7), at the four digits `at`, with n
 * bytes up to the closing quote. Returns the bytes used. */
static size_t read_unicode_escape(const char *at, size_t n, uint32_t *code) {
    *code = read_hex4(at);
    if (*code < 0xd800 || *code > 0xdfff)
        return 4;
    if (*code < 0xdc00 && n >= 10 && at[4] == '\\' && at[5] == 'u') {
        uint32_t low = read_hex4(at + 6);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
            return 10;
        }
    }
    *code = 0xfffd;
    return 4;
}

size_t json_token_character(const char *at, size_t n, uint32_t *code) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    if (at[0] != '\\')
        return utf8_read_any(at, n, code);
    if (at[1] == 'u')
        return 2 + read_unicode_escape(at + 2, n - 2, code);
    const char *known = strchr(from, at[1]);
    *code = (unsigned char)(known != NULL ? to[known - from] : at[1]);
    return 2;
}

void json_text(struct buf *b, struct slice value) {
    uint32_t code;
    if (json_kind(value) != JSON_STRING)
        return;
    for (size_t i = 1; i < value.n - 1;) {
        i += json_token_character(value.at + i, value.n - 1 - i, &code);
        utf8_write(b, code);
    }
}

void json_copy(char *out, size_t cap, struct slice value) {
    struct buf b = {.at = out, .cap = cap};
    json_text(&b, value);
    if (buf_string(&b) == NULL)
        out[0] = '\0';
}

bool json_is(struct slice value, const char *text) {
    char content[LIMIT_JSON_NAME];
    struct buf b = BUF_ON(content);
    json_text(&b, value);
    return json_kind(value) == JSON_STRING && !b.full && b.len == strlen(text)
           && memcmp(content, text, b.len) == 0;
}

bool json_is_true(struct slice value) { return slice_is(value, "true"); }

bool json_number(struct slice value, uint64_t max, uint64_t *number) {
    return json_kind(value) == JSON_NUMBER && num_decimal(value.at, value.n, max, number);
}
