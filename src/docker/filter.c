#include "docker/filter.h"

#include <string.h>

#include "limit.h"
#include "wire/docker_api.h"
#include "wire/json.h"

bool docker_filter_check(const char *filter, struct buf *why) {
    if (*filter == '\0' || strchr(filter, '=') != NULL)
        return true;
    buf_text(why, "bad format of filter (expected name=value)");
    return false;
}

/* A filter's name, without the space around it and in small letters. */
static struct slice filter_name(const char *filter) {
    size_t n = strcspn(filter, "="), skip = strspn(filter, " ");
    while (n > skip && filter[n - 1] == ' ')
        n--;
    return (struct slice){filter + skip, n > skip ? n - skip : 0};
}

static bool is_repeated(const struct docker_list *list, size_t i) {
    struct slice name = filter_name(list->at[i]);
    for (size_t k = 0; k < i; k++) {
        struct slice earlier = filter_name(list->at[k]);
        if (earlier.n == name.n && strncasecmp(earlier.at, name.at, name.n) == 0)
            return true;
    }
    return false;
}

static void add_filter_values(struct buf *b, const struct docker_list *list, struct slice name) {
    bool first = true;
    for (size_t i = 0; i < list->n; i++) {
        struct slice other = filter_name(list->at[i]);
        const char *value = strchr(list->at[i], '=');
        if (value == NULL || other.n != name.n || strncasecmp(other.at, name.at, name.n) != 0)
            continue;
        value += 1 + strspn(value + 1, " ");
        size_t n = strlen(value);
        while (n > 0 && value[n - 1] == ' ')
            n--;
        if (!first)
            buf_char(b, ',');
        first = false;
        json_quote(b, value, n);
        buf_text(b, ":true");
    }
}

/* Adds the list as JSON: {"name":{"value":true}}; nothing for an empty one. */
static void write_filters(struct buf *json, const struct docker_list *list) {
    bool first = true;
    for (size_t i = 0; i < list->n; i++) {
        struct slice name = filter_name(list->at[i]);
        char small[64];
        if (*list->at[i] == '\0' || is_repeated(list, i))
            continue;
        buf_char(json, first ? '{' : ',');
        first = false;
        for (size_t k = 0; k < name.n && k < sizeof small; k++)
            small[k] =
                name.at[k] >= 'A' && name.at[k] <= 'Z' ? (char)(name.at[k] + 32) : name.at[k];
        json_quote(json, small, name.n < sizeof small ? name.n : sizeof small);
        buf_text(json, ":{");
        add_filter_values(json, list, name);
        buf_char(json, '}');
    }
    if (!first)
        buf_char(json, '}');
}

const char *docker_filter_path(struct buf *path, const struct docker_list *list) {
    char text[LIMIT_DOCKER_PATH / 3];
    struct buf json = BUF_ON(text);
    write_filters(&json, list);
    if (json.len > 0) {
        buf_text(path, "filters=");
        docker_escape(path, json.at, json.len);
    } else if (path->len > 0 && strchr("?&", path->at[path->len - 1]) != NULL) {
        path->len--; /* as docker(1) sends it: a proxy may compare whole paths */
    }
    const char *whole = json.full ? NULL : buf_string(path);
    if (whole == NULL)
        docker_error("docker: the filters are too long");
    return whole;
}
