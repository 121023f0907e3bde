#include "base/env.h"

#include <string.h>

void env_start(struct env *e) {
    e->n = 0;
    e->b = BUF_ON(e->text);
    e->full = false;
}

static void add_entry(struct env *e, char *entry) {
    if (e->n == LIMIT_ENVIRONMENT)
        e->full = true;
    else
        e->list[e->n++] = entry;
}

void env_copy(struct env *e, char *const *source, bool (*keep)(const char *name, size_t n)) {
    for (; *source != NULL; source++) {
        const char *equals = strchr(*source, '=');
        if (equals != NULL && equals != *source && keep(*source, (size_t)(equals - *source)))
            add_entry(e, *source);
    }
}

void env_set(struct env *e, const char *name, const char *value) {
    char *entry = e->b.at + e->b.len;
    buf_text(&e->b, name);
    buf_char(&e->b, '=');
    buf_bytes(&e->b, value, strlen(value) + 1);
    add_entry(e, entry);
}

void env_replace(struct env *e, char *variable) {
    size_t n = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->list[i], variable, n) == 0) {
            e->list[i] = variable;
            return;
        }
    add_entry(e, variable);
}

const char *env_get(char *const *environment, const char *name) {
    size_t n = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

char *const *env_list(struct env *e) {
    if (e->full || e->b.full)
        return NULL;
    e->list[e->n] = NULL;
    return e->list;
}

void env_wipe(char **environment) {
    for (char **at = environment; *at != NULL; at++)
        explicit_bzero(*at, strlen(*at));
    *environment = NULL;
}
