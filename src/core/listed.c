#include "core/listed.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/settings.h"
#include "limit.h"

/* One for a process, as are the settings that it belongs to. */
static _Alignas(8) char text[LIMIT_LISTED]; /* the names, each with its NUL */
static size_t used;
static bool is_full;
static int64_t until; /* it counts; 0: there is none */

void listed_begin(void) {
    used = 0;
    is_full = false;
    until = 0;
}

void listed_add(const char *name) {
    size_t n = strlen(name) + 1;
    is_full = is_full || n > sizeof text - used;
    if (is_full)
        return;
    memcpy(text + used, name, n);
    used += n;
}

void listed_end(void) { until = is_full ? 0 : clock_after(clock_now(), LIMIT_LISTED_MS); }

void listed_confirm(void) {
    if (until != 0)
        until = clock_after(clock_now(), LIMIT_LISTED_MS);
}

void listed_forget(void) { until = 0; }

bool listed_knows(const char *directory) {
    return until != 0 && strcmp(directory, SETTINGS_DIRECTORY) == 0 && clock_now() < until;
}

const char *listed_next(const char *name) {
    const char *next = name == NULL ? text : name + strlen(name) + 1;
    return next < text + used ? next : NULL;
}

bool listed_lacks(const char *path) {
    static const size_t n = sizeof SETTINGS_DIRECTORY - 1;
    const char *name = path + n + 1, *listed = NULL;
    if (until == 0 || strncmp(path, SETTINGS_DIRECTORY "/", n + 1) != 0 || name[0] == '\0'
        || name[0] == '.' || strchr(name, '/') != NULL || clock_now() >= until)
        return false;
    while ((listed = listed_next(listed)) != NULL)
        if (strcmp(listed, name) == 0)
            return false;
    return true;
}
