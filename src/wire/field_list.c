#include "wire/field_list.h"

#define WHITE " \t"

/* Takes what stands before the next `separator` off *rest: one within quotes is none. */
static struct slice take_until(struct slice *rest, char separator) {
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->n && (quoted || rest->at[n] != separator); n++) {
        if (quoted && rest->at[n] == '\\' && n + 1 < rest->n)
            n++;
        else if (rest->at[n] == '"')
            quoted = !quoted;
    }
    struct slice part = {rest->at, n};
    size_t taken = n + (n < rest->n);
    *rest = (struct slice){rest->at + taken, rest->n - taken};
    return slice_trim_end(slice_trim_front(part, WHITE), WHITE);
}

bool field_list_next(struct slice *list, struct slice *element) {
    while (list->n > 0) {
        *element = take_until(list, ',');
        if (element->n > 0)
            return true;
    }
    return false;
}

/* A weight (RFC 9110, section 12.4.2): 0 to 1, with three digits behind the point at most. What is
 * none counts as 0. */
static int read_weight(struct slice text) {
    int weight = 0, unit = 1000;
    for (size_t i = 0; i < text.n; i++) {
        if (i == 1 && text.at[i] == '.')
            continue;
        if (text.at[i] < '0' || text.at[i] > '9' || i > 4)
            return 0;
        weight += unit * (text.at[i] - '0');
        unit /= 10;
    }
    return weight <= 1000 ? weight : 0;
}

/* How exactly a media range means the type: 0 not at all, 3 by its name. */
static int exactness_of(struct slice range, const char *type) {
    size_t n = strcspn(type, "/");
    if (slice_is(range, "*/*"))
        return 1;
    if (range.n == n + 2 && strncasecmp(range.at, type, n + 1) == 0 && range.at[n + 1] == '*')
        return 2;
    return slice_is_nocase(range, type) ? 3 : 0;
}

void media_quality_read(struct media_quality *q, struct slice accept, const char *type) {
    struct slice range;
    while (field_list_next(&accept, &range)) {
        int exactness = exactness_of(take_until(&range, ';'), type), weight = 1000;
        while (range.n > 0) {
            struct slice parameter = take_until(&range, ';');
            if (parameter.n >= 2 && (parameter.at[0] == 'q' || parameter.at[0] == 'Q')
                && parameter.at[1] == '=')
                weight = read_weight((struct slice){parameter.at + 2, parameter.n - 2});
        }
        if (exactness > q->exactness || (exactness == q->exactness && weight > q->quality)) {
            if (exactness > 0)
                *q = (struct media_quality){weight, exactness};
        }
    }
}

bool field_prefers(struct slice prefer, const char *name, struct slice *value) {
    struct slice element;
    while (field_list_next(&prefer, &element)) {
        struct slice rest = take_until(&element, ';'), key = take_until(&rest, '=');
        if (!slice_is_nocase(key, name))
            continue;
        *value = slice_trim_front(rest, WHITE);
        if (value->n >= 2 && value->at[0] == '"' && value->at[value->n - 1] == '"')
            *value = (struct slice){value->at + 1, value->n - 2};
        return true;
    }
    return false;
}
