#include "core/protect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/landlock.h"
#include "core/command_accounts.h"
#include "core/places.h"
#include "core/protect_parts.h"
#include "core/record.h"
#include "core/root_paths.h"
#include "core/settings.h"

/* What judges is one for a process, and not handed from call to call: files are judged while the
 * settings themselves are read, and by parts that know of no settings. What does not count must not
 * depend on who asks. */
static const struct settings *settings;

void protect_use(const struct settings *s, char *const *environment) {
    settings = s;
    command_accounts_use(s, environment);
    root_paths_forget();
}

const struct settings *protect_settings(void) { return settings; }

/* What the last reading has found of all files of a kind: the time, when none could be written by
 * an account that commands run as. */
static bool any_writable;
static int64_t judged[PROTECT_KINDS_READ];

void protect_begin(void) {
    command_accounts_forget();
    root_paths_renew();
    any_writable = false;
}

void protect_has_judged(enum protect_read what) { judged[what] = any_writable ? 0 : clock_now(); }

/* No file that core/watch.h watches was open to anybody but root; and that is still so. */
static bool is_shut;
static int64_t confirmed;

static void note_open(void *context, const struct place *place) {
    bool *open = context;
    *open = *open || place->hidden || (!place->weak && !root_paths_has(place->path));
}

void protect_prepare(void) {
    bool open = false;
    root_paths_forget();
    places_each(settings, (struct places_wanted){.keys = true}, note_open, &open);
    is_shut = !open;
}

void protect_confirm(void) { confirmed = is_shut ? clock_now() : 0; }

/* For one run: the next one of the connection looks by itself. */
static bool is_just_confirmed(void) {
    bool is = confirmed != 0 && clock_now() - confirmed < LIMIT_JUDGED_MS;
    confirmed = 0;
    return is;
}

static bool is_just_judged(enum protect_read what) {
    return judged[what] != 0 && clock_now() - judged[what] < LIMIT_JUDGED_MS;
}

/* Whether commands can be kept from it: another name of the same file is out of reach. */
static const char *why_open(const struct writers *w) {
    if (!w->missing && S_ISREG(w->st.st_mode) && w->st.st_nlink > 1)
        return "it has a second name (a hard link), by which they could";
    return landlock_is_available()
               ? NULL
               : "Landlock, which would keep them from it, is not to be had here";
}

const char *protect_why_refused(const struct writers *w, enum protect_kind kind,
                                char text[LIMIT_ERROR]) {
    const char *why = NULL;
    if (w->who == 0)
        return NULL;
    if (kind == PROTECT_IDENTITY || (kind == PROTECT_SETTING && (w->who & WRITERS_OTHERS) != 0)) {
        snprintf(text, LIMIT_ERROR,
                 "%s can be written by others than root: mount it read-only (:ro), or chown root "
                 "and chmod go-w",
                 w->place);
        return text;
    }
    if ((w->who & WRITERS_ACCOUNT) != 0)
        why = why_open(w);
    if (why == NULL)
        return NULL;
    snprintf(text, LIMIT_ERROR,
             "commands run as an account that can write %s, and %s: mount it read-only (:ro), or "
             "chown root and chmod go-w",
             w->place, why);
    return text;
}

/* What is not root's alone. A function of its own, since it takes a large piece of the stack, and
 * is seldom needed; so is the next. */
__attribute__((noinline)) static const char *refuse_writable(const char *path,
                                                             enum protect_kind kind,
                                                             char text[LIMIT_ERROR]) {
    struct writers w;
    any_writable = (command_accounts_find(&w, path) & WRITERS_ACCOUNT) != 0 || any_writable;
    return protect_why_refused(&w, kind, text);
}

__attribute__((noinline)) static bool can_be_written(const char *path) {
    struct writers w;
    return (command_accounts_find(&w, path) & WRITERS_ACCOUNT) != 0;
}

const char *protect_refuses(const char *path, enum protect_kind kind, char text[LIMIT_ERROR]) {
    return root_paths_has(path) ? NULL : refuse_writable(path, kind, text);
}

const char *protect_refuses_open(const char *path, const struct stat *st, enum protect_kind kind,
                                 char text[LIMIT_ERROR]) {
    return root_paths_has_open(path, st) ? NULL : protect_refuses(path, kind, text);
}

/* ---- closing ---- */

struct closing {
    struct landlock_paths ways, closed;
};

static void note_need(void *context, const struct place *place) {
    bool *needed = context;
    if (*needed || (place->weak && root_paths_has(place->path)))
        return;
    *needed = (place->hidden || (!root_paths_has(place->path) && can_be_written(place->path)))
              && (!place->weak || record_any(place->path));
}

static void add_way(void *context, const char *directory) { landlock_add(context, directory); }

static void close_place(void *context, const struct place *place) {
    struct closing *c = context;
    struct writers w;
    if ((command_accounts_find(&w, place->path) & WRITERS_ACCOUNT) != 0 || place->hidden)
        writers_find(&w, place->path, NULL, add_way, &c->ways);
    landlock_add(&c->closed, w.real);
}

static struct closing closing; /* static, since it is large and seldom needed */

/* Whether anything is open to the accounts of commands that must not be. A file that was found to
 * be root's a moment ago, for the login that this run is of, is not looked at again: root could as
 * well give it away in the moment after. */
static bool is_needed(bool read) {
    struct places_wanted wanted = {.tokens = !(read && is_just_judged(PROTECT_TOKENS)),
                                   .keys = !(read && is_just_judged(PROTECT_KEYS)),
                                   .roles = !(read && is_just_judged(PROTECT_ROLES)),
                                   .unwatched = read && is_just_confirmed()};
    bool needed = false;
    if (!landlock_is_available())
        return false;
    protect_begin(); /* root may have given one away since, and roles may have changed */
    places_each(settings, wanted, note_need, &needed);
    return needed;
}

bool protect_closes(void) { return is_needed(false); }

int protect_close(int *ruleset, const struct account *account, char error[LIMIT_ERROR]) {
    struct closing *c = &closing;
    command_accounts_next(account);
    if (!is_needed(true))
        return 0;
    landlock_start(&c->ways);
    landlock_start(&c->closed);
    places_each(settings, (struct places_wanted){true, true, true, false}, close_place, c);
    *ruleset = landlock_make(&c->ways, &c->closed);
    if (*ruleset != -1)
        return 1;
    snprintf(error, LIMIT_ERROR, "the configuration can't be closed to commands (Landlock): %s",
             errno == E2BIG ? "more than " LIMIT_TEXT(
                 LIMIT_CLOSED_PATHS) " files and folders of "
                                     "it, or too much beside them, while commands run as an "
                                     "account that "
                                     "can write some of it: chown root, or mount it read-only (:ro)"
                            : strerror(errno));
    return -1;
}
