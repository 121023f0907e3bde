#include "docker/template.h"

#include <stdio.h>
#include <string.h>

#include "docker/command.h"
#include "wire/json.h"

/* ---- reading a template ---- */

static const char *find(struct slice s, const char *mark) {
    return s.n == 0 ? NULL : memmem(s.at, s.n, mark, strlen(mark));
}

static struct slice from(struct slice s, const char *at) { return (struct slice){at, s.n - (size_t)(at - s.at)}; }

/* The next word of *rest, which stands between spaces. */
static struct slice word(struct slice *rest) {
    while (rest->n > 0 && rest->at[0] == ' ')
        *rest = from(*rest, rest->at + 1);
    size_t n = 0;
    while (n < rest->n && rest->at[n] != ' ')
        n++;
    struct slice found = {rest->at, n};
    *rest = from(*rest, rest->at + n);
    return found;
}

static bool is_path(struct slice s) {
    if (s.n == 0 || s.at[0] != '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.at[i];
        bool name = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!name && (c != '.' || (i > 0 && s.at[i - 1] == '.')))
            return false;
    }
    return s.n == 1 || s.at[s.n - 1] != '.';
}

/* A key in quotes, without escapes. */
static bool read_key(struct slice rest, struct slice *key) {
    while (rest.n > 0 && rest.at[0] == ' ')
        rest = from(rest, rest.at + 1);
    while (rest.n > 0 && rest.at[rest.n - 1] == ' ')
        rest.n--;
    if (rest.n < 2 || (rest.at[0] != '"' && rest.at[0] != '`') || rest.at[rest.n - 1] != rest.at[0])
        return false;
    *key = (struct slice){rest.at + 1, rest.n - 2};
    return memchr(key->at, rest.at[0], key->n) == NULL && memchr(key->at, '\\', key->n) == NULL;
}

static bool read_action(struct slice rest, struct docker_piece *piece) {
    struct slice first = word(&rest);
    piece->kind = slice_is(first, "json") ? PIECE_JSON : slice_is(first, "index") ? PIECE_INDEX : PIECE_VALUE;
    piece->path = piece->kind == PIECE_VALUE ? first : word(&rest);
    if (!is_path(piece->path))
        return false;
    return piece->kind == PIECE_INDEX ? read_key(rest, &piece->key) : word(&rest).n == 0;
}

int docker_template_next(struct slice *rest, struct docker_piece *piece) {
    if (rest->n == 0)
        return 0;
    const char *open = find(*rest, "{{");
    if (open != rest->at) {
        size_t n = open != NULL ? (size_t)(open - rest->at) : rest->n;
        *piece = (struct docker_piece){.kind = PIECE_TEXT, .text = {rest->at, n}};
        *rest = from(*rest, rest->at + n);
        return 1;
    }
    struct slice inside = from(*rest, open + 2);
    const char *close = find(inside, "}}");
    if (close == NULL)
        return -1;
    *rest = from(*rest, close + 2);
    inside.n = (size_t)(close - inside.at);
    return read_action(inside, piece) ? 1 : -1;
}

bool docker_template_check(const char *template) {
    struct slice rest = {template, strlen(template)};
    struct docker_piece piece;
    int got;
    while ((got = docker_template_next(&rest, &piece)) == 1) {
    }
    if (got == -1 && find(rest, "{{") == rest.at && find(rest, "}}") == NULL)
        docker_say("template parsing error: template: :1: unclosed action");
    else if (got == -1)
        docker_say("docker: a template has text, {{.Path.To.Field}}, {{json .Path}} and {{index .Path \"key\"}} in this client, "
                   "nothing else: %s", template);
    return got == 0;
}

/* ---- printing a value ---- */

/* The name that comes next in the order of their bytes, as Go prints a map; n = 0 after the last. */
static struct slice next_key(struct slice object, struct slice last, struct slice *value) {
    struct json_walk walk = {object, false};
    struct slice key, v, best = {object.at, 0};
    while (json_next(&walk, &key, &v)) {
        size_t n = key.n < last.n ? key.n : last.n;
        int order = last.n == 0 ? 1 : memcmp(key.at, last.at, n);
        if (last.n > 0 && (order < 0 || (order == 0 && key.n <= last.n)))
            continue;
        n = key.n < best.n ? key.n : best.n;
        order = best.n == 0 ? -1 : memcmp(key.at, best.at, n);
        if (order < 0 || (order == 0 && key.n < best.n)) {
            best = key;
            *value = v;
        }
    }
    return best;
}

void docker_template_print(struct buf *b, struct slice value) {
    struct json_walk walk = {value, false};
    struct slice key = {value.at, 0}, element;
    bool first = true;
    switch (json_kind(value)) {
    case JSON_NONE:
    case JSON_NULL:
        buf_text(b, "<no value>");
        break;
    case JSON_STRING:
        json_text(b, value);
        break;
    case JSON_ARRAY:
        buf_char(b, '[');
        for (; json_next(&walk, &key, &element); first = false) {
            if (!first)
                buf_char(b, ' ');
            docker_template_print(b, element);
        }
        buf_char(b, ']');
        break;
    case JSON_OBJECT:
        buf_text(b, "map[");
        for (; (key = next_key(value, key, &element)).n > 0; first = false) {
            if (!first)
                buf_char(b, ' ');
            json_text(b, key);
            buf_char(b, ':');
            docker_template_print(b, element);
        }
        buf_char(b, ']');
        break;
    default:
        buf_bytes(b, value.at, value.n);
    }
}

/* ---- filling a template ---- */

/* The member of that name. Go's fields are named a little otherwise than JSON's members: ID for Id. */
static struct slice field(struct slice object, struct slice name) {
    struct json_walk walk = {object, false};
    struct slice key, value, other = {object.at, 0};
    while (json_kind(object) == JSON_OBJECT && json_next(&walk, &key, &value)) {
        struct slice inner = {key.at + 1, key.n - 2};
        if (inner.n == name.n && memcmp(inner.at, name.at, name.n) == 0)
            return value;
        if (slice_is(name, "ID") && slice_is(inner, "Id"))
            other = value;
    }
    return other;
}

/* Goes down a path. n = 0, with the fault, when there is no such field. */
static struct slice follow(struct slice value, const char *template, struct slice path, char fault[LIMIT_DOCKER_MESSAGE]) {
    struct slice rest = path;
    while (rest.n > 1) {
        rest = from(rest, rest.at + 1);
        size_t n = 0;
        while (n < rest.n && rest.at[n] != '.')
            n++;
        struct slice name = {rest.at, n};
        bool is_map = json_kind(value) == JSON_OBJECT;
        value = field(value, name);
        if (value.n == 0) {
            const char *last = memrchr(path.at, '.', path.n);
            snprintf(fault, LIMIT_DOCKER_MESSAGE, "template: :1:%d: executing \"\" at <%.*s>: %s%.*s%s", (int)(last - template), (int)path.n,
                     path.at, is_map ? "map has no entry for key \"" : "can't evaluate field ", (int)n, name.at,
                     is_map ? "\"" : " in type interface {}");
            return value;
        }
        rest = from(rest, rest.at + n);
    }
    return value;
}

static void put(void *context, const char *bytes, size_t n) { buf_bytes(context, bytes, n); }

bool docker_template_fill(struct buf *b, const char *template, struct slice value, char fault[LIMIT_DOCKER_MESSAGE]) {
    struct slice rest = {template, strlen(template)};
    struct docker_piece piece;
    while (docker_template_next(&rest, &piece) == 1) {
        if (piece.kind == PIECE_TEXT) {
            buf_bytes(b, piece.text.at, piece.text.n);
            continue;
        }
        struct slice found = follow(value, template, piece.path, fault);
        if (found.n == 0)
            return false;
        if (piece.kind == PIECE_JSON)
            json_compact(found, put, b);
        else if (piece.kind == PIECE_INDEX && (found = field(found, piece.key)).n == 0)
            continue; /* the zero value of a map of strings */
        else
            docker_template_print(b, found);
    }
    return true;
}
