#include "wire/json_path.h"

#include <string.h>

#include "limit.h"
#include "wire/utf8.h"

/* Takes the next name off a path that has one. */
static struct slice take_name(const char **path) {
    size_t n = strcspn(*path + 1, ".");
    struct slice name = {*path + 1, n};
    *path += 1 + n;
    return name;
}

bool json_path_is_valid(struct slice path) {
    size_t names = 0, n = 0;
    for (size_t i = 0; i < path.n; i++) {
        bool is_dot = path.at[i] == '.';
        if (is_dot ? names > 0 && n == 0 : names == 0 || (unsigned char)path.at[i] <= ' ')
            return false;
        n = is_dot ? 0 : n + 1;
        names += is_dot;
        if (n == LIMIT_JSON_NAME || names > LIMIT_JSON_DEPTH)
            return false;
    }
    return n > 0 && utf8_is_valid(path.at, path.n);
}

/* The name behind `before` others; at == NULL where the path has no more than these. */
static struct slice name_of(const char *path, size_t before) {
    struct slice name = {NULL, 0};
    for (size_t i = 0; i <= before; i++) {
        if (*path == '\0')
            return (struct slice){NULL, 0};
        name = take_name(&path);
    }
    return name;
}

bool json_path_has(const char *path, size_t before, struct slice name) {
    struct slice own = name_of(path, before);
    return own.at != NULL && own.n == name.n && memcmp(own.at, name.at, name.n) == 0;
}

bool json_path_has_more(const char *path, size_t names) { return name_of(path, names).at != NULL; }
