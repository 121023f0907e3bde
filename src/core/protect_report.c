/* protect_report.c: what protect.h says of each place, for people. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/command_accounts.h"
#include "core/places.h"
#include "core/protect_parts.h"
#include "core/replaced_mount.h"

struct report {
    void (*tell)(void *context, enum protect_finding finding, const char *path, const char *text);
    void *context;
    char closed[LIMIT_PATH]; /* the last directory that was named */
};

__attribute__((format(printf, 4, 5))) static void tell_finding(struct report *r,
                                                               enum protect_finding f,
                                                               const char *path, const char *format,
                                                               ...) {
    char text[2 * LIMIT_PATH + 256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->tell(r->context, f, path, text);
}

/* What stands in a directory that has been named is like it. */
static bool is_in_named_directory(const struct report *r, const char *path) {
    size_t n = strlen(r->closed);
    return n > 0 && strncmp(path, r->closed, n) == 0 && path[n] == '/';
}

static void report_place(void *context, const struct place *place) {
    struct report *r = context;
    struct writers w;
    char text[LIMIT_ERROR];
    const char *path = place->path, *wrong;
    unsigned who = place->weak ? 0 : command_accounts_find(&w, path);
    if (place->weak)
        return;
    wrong = protect_why_refused(&w, place->kind, text);
    if (wrong != NULL && !is_in_named_directory(r, path))
        tell_finding(r, PROTECT_REFUSED, path, "does not count: %s", wrong);
    else if (wrong == NULL && (who & WRITERS_ACCOUNT) != 0 && !is_in_named_directory(r, path))
        tell_finding(r, PROTECT_CLOSED, path,
                     "closed to commands, whose account could write %s (Landlock)", w.place);
    if (wrong == NULL && (who & WRITERS_OTHERS) != 0 && !is_in_named_directory(r, path))
        tell_finding(r, PROTECT_SHARED, path, "counts, and accounts other than root can write %s",
                     w.place);
    if (who != 0 && !w.missing && S_ISDIR(w.st.st_mode))
        snprintf(r->closed, sizeof r->closed, "%s", path);
    if (place->secret && command_accounts_can_read(path))
        tell_finding(r, PROTECT_EXPOSED, path,
                     "is a secret that commands can read: chown root and chmod 600");
    if (!w.missing && S_ISREG(w.st.st_mode) && w.st.st_nlink == 0)
        tell_finding(r, PROTECT_REPLACED, path, "%s", REPLACED_MOUNT);
}

void protect_report(void (*tell_it)(void *context, enum protect_finding finding, const char *path,
                                    const char *text),
                    void *context) {
    const struct settings *settings = protect_settings();
    struct report r = {.tell = tell_it, .context = context};
    places_each(settings, (struct places_wanted){true, true, true, false}, report_place, &r);
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        const struct settings_value *v = &settings->value[id];
        char path[LIMIT_PATH + 64];
        if (!settings_is_secret(id) || v->origin != FROM_DIRECTORY)
            continue;
        snprintf(path, sizeof path, "%s/%s", v->place, settings_name(id));
        if (command_accounts_can_read(path))
            tell_finding(&r, PROTECT_EXPOSED, path,
                         "is a secret that commands can read: chown root and chmod 600");
    }
}
