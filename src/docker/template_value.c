/* Values of templates: JSON text, as Go's template sees the value that Go makes of it. */
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "docker/template_run.h"

/* They are told apart by their addresses. */
const struct slice template_nil = {"null ", 4}, template_none = {"null", 4};

/* ---- members ---- */

static size_t count_capitals(const char *at, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += at[i] >= 'A' && at[i] <= 'Z';
    return count;
}

struct slice template_member(struct slice object, struct slice name) {
    struct json_walk walk = {object, false};
    struct slice key, value, other = {object.at, 0};
    while (json_kind(object) == JSON_OBJECT && json_next(&walk, &key, &value)) {
        const char *inner = key.at + 1;
        if (key.n != name.n + 2)
            continue;
        if (memcmp(inner, name.at, name.n) == 0)
            return value;
        /* Go spells abbreviations in capitals: ID for Id, APIVersion for ApiVersion. */
        if (strncasecmp(inner, name.at, name.n) == 0 && count_capitals(inner, 1) == 1
            && count_capitals(name.at, name.n) > count_capitals(inner, name.n))
            other = value;
    }
    return other;
}

struct slice template_map_value(struct slice map, struct slice key) {
    struct json_walk walk = {map, false};
    struct slice name, value, found = {NULL, 0};
    char wanted[LIMIT_DOCKER_MESSAGE], text[LIMIT_DOCKER_MESSAGE];
    struct buf w = BUF_ON(wanted);
    json_text(&w, key);
    if (w.full)
        return found;
    while (json_next(&walk, &name, &value)) {
        struct buf t = BUF_ON(text);
        json_text(&t, name);
        if (!t.full && t.len == w.len && memcmp(text, wanted, w.len) == 0)
            found = value;
    }
    return found;
}

/* ---- members in order ---- */

struct template_member {
    struct slice key, value;
};

/* The members of all objects that are walked through at once. A larger object is walked through in
 * the order that the engine sent, which sorts maps, too. */
enum { WALK_MEMBERS = 1 << 20 };

static struct template_member *walk_members;
static size_t n_walk_members;

static int compare_keys(const void *a, const void *b) {
    struct slice x = ((const struct template_member *)a)->key,
                 y = ((const struct template_member *)b)->key;
    int order = memcmp(x.at + 1, y.at + 1, (x.n < y.n ? x.n : y.n) - 2);
    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

struct template_walk template_walk_start(struct slice value) {
    struct template_walk w = {.plain = {value, false}};
    struct json_walk walk = w.plain;
    if (json_kind(value) != JSON_OBJECT)
        return w;
    if (walk_members == NULL
        && (walk_members = pages_take(WALK_MEMBERS * sizeof *walk_members)) == NULL)
        return w;
    struct template_member *first = walk_members + n_walk_members;
    size_t n = 0;
    while (n < WALK_MEMBERS - n_walk_members && json_next(&walk, &first[n].key, &first[n].value))
        n++;
    if (n == WALK_MEMBERS - n_walk_members)
        return w;
    qsort(first, n, sizeof *first, compare_keys);
    w.at = first;
    w.n = n;
    n_walk_members += n;
    return w;
}

bool template_walk_next(struct template_walk *w, struct slice *key, struct slice *value) {
    if (w->at == NULL)
        return json_next(&w->plain, key, value);
    if (w->n == 0)
        return false;
    *key = w->at->key;
    *value = w->at->value;
    w->at++;
    w->n--;
    return true;
}

void template_walk_end(const struct template_walk *w) {
    if (w->at == NULL)
        return;
    while (n_walk_members > 0 && walk_members + n_walk_members > w->at + w->n)
        n_walk_members--;
}

void template_walk_reset(void) { n_walk_members = 0; }

/* ---- what a value is ---- */

bool template_truth(struct slice value) {
    switch (json_kind(value)) {
    case JSON_BOOL: return json_is_true(value);
    case JSON_NUMBER: return strspn(value.at, "-0.") < value.n;
    case JSON_STRING: return value.n > 2;
    case JSON_ARRAY:
    case JSON_OBJECT: {
        struct json_walk walk = {value, false};
        struct slice key, element;
        return json_next(&walk, &key, &element);
    }
    default: return false;
    }
}

struct slice template_text(struct template_run *r, const char *text, size_t n) {
    size_t from = r->arena.len;
    json_quote(&r->arena, text, n);
    return r->arena.full ? (struct slice){"\"\"", 2}
                         : (struct slice){r->arena.at + from, r->arena.len - from};
}

/* ---- printing ---- */

/* `inner`: the value stands in another one. `null` is the text for one that is null. */
static void print_value(struct buf *b, struct slice value, bool inner, const char *null) {
    bool first = true;
    enum json_kind kind = json_kind(value);
    if (inner && kind == JSON_OBJECT && !template_truth(value))
        buf_text(b, "{}"); /* in {"80/tcp":{}} and its like: Go's struct without fields */
    else if (kind == JSON_NONE || kind == JSON_NULL) {
        buf_text(b, null);
    } else if (kind == JSON_STRING) {
        json_text(b, value);
    } else if (kind == JSON_ARRAY || kind == JSON_OBJECT) {
        struct template_walk walk = template_walk_start(value);
        struct slice key, element;
        buf_text(b, kind == JSON_ARRAY ? "[" : "map[");
        for (; !b->full && template_walk_next(&walk, &key, &element); first = false) {
            if (!first)
                buf_char(b, ' ');
            if (kind == JSON_OBJECT) {
                json_text(b, key);
                buf_char(b, ':');
            }
            print_value(b, element, true, "<nil>");
        }
        buf_char(b, ']');
        template_walk_end(&walk);
    } else {
        buf_bytes(b, value.at, value.n);
    }
}

void docker_template_print(struct buf *b, struct slice value) {
    print_value(b, value, false, value.at == template_nil.at ? "<nil>" : "<no value>");
}

void template_json(struct buf *b, struct slice value, bool html) {
    enum json_kind kind = json_kind(value);
    bool first = true;
    if (kind == JSON_STRING) {
        json_requote(b, value, html);
        return;
    }
    if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
        buf_bytes(b, value.at, value.n);
        return;
    }
    struct json_walk walk = {value, false};
    struct slice key, element;
    buf_char(b, kind == JSON_ARRAY ? '[' : '{');
    for (; json_next(&walk, &key, &element); first = false) {
        if (!first)
            buf_char(b, ',');
        if (kind == JSON_OBJECT) {
            json_requote(b, key, html);
            buf_char(b, ':');
        }
        template_json(b, element, html);
    }
    buf_char(b, kind == JSON_ARRAY ? ']' : '}');
}
