#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tool/check_parts.h"
#include "tool/report.h"

extern char **environ;

enum { NAME_SIZE = 64 }; /* bytes of a name that is compared: no setting's has half of it */

static int upper(char c) {
    return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c == '-' || c == '.' ? '_' : c;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* How many characters have to be put in, taken out, changed or swapped with their neighbour; case
 * does not count. */
static size_t distance(const char *a, size_t an, const char *b, size_t bn) {
    size_t d[NAME_SIZE + 1][NAME_SIZE + 1];
    for (size_t i = 0; i <= an; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= bn; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= an; i++)
        for (size_t j = 1; j <= bn; j++) {
            bool same = upper(a[i - 1]) == upper(b[j - 1]);
            d[i][j] = smaller(smaller(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + !same);
            if (i > 1 && j > 1 && upper(a[i - 1]) == upper(b[j - 2])
                && upper(a[i - 2]) == upper(b[j - 1]))
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[an][bn];
}

/* The setting that such a name was perhaps meant to be, or NULL. Of a short name little may differ,
 * since many are like it; and hardly anybody errs in the first letter. */
static const char *nearest(const char *name, size_t n) {
    const char *best = NULL;
    size_t nearest_yet = SIZE_MAX;
    if (n == 0 || n > NAME_SIZE)
        return NULL;
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        const char *known = settings_name(id);
        size_t k = strlen(known),
               may = k < 5   ? 0
                     : k < 8 ? 1
                             : 2,
               far = distance(name, n, known, k);
        if (upper(name[0]) == known[0] && far <= may && far < nearest_yet) {
            best = known;
            nearest_yet = far;
        }
    }
    return best;
}

static bool name_ends_with(const char *name, size_t n, const char *end) {
    size_t k = strlen(end);
    return n > k && strncasecmp(name + n - k, end, k) == 0;
}

/* Less what editors and people put behind a name. */
static size_t without_end(const char *name) {
    static const char *const ends[] = {"_FILE", ".txt",  ".env", "~",         ".bak",
                                       ".old",  ".orig", ".swp", ".dpkg-old", ".dpkg-dist"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (name_ends_with(name, n, ends[i]))
            return n - strlen(ends[i]);
    return n;
}

/* ---- variables ---- */

/* Names of variables that other programs use, and that are one or two letters from a setting's. */
static bool is_of_others(const char *name, size_t n) {
    static const char *const others[] = {"HTTP_HOST", "HTTPS_HOST", "SSH_HOST",
                                         "SSH_PID",   "HTTP_PROXY", "HTTPS_PROXY"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (n == strlen(others[i]) && strncasecmp(name, others[i], n) == 0)
            return true;
    return false;
}

static void check_variables(void) {
    for (char **at = environ; *at != NULL; at++) {
        char name[NAME_SIZE + 1];
        size_t n = strcspn(*at, "=");
        if (n > NAME_SIZE || settings_owns(*at, n) || is_of_others(*at, n))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)n, *at);
        bool ours = strncmp(name, "BASTION_", 8) == 0, file = name_ends_with(name, n, "_FILE");
        const char *meant = nearest(name + 8 * ours, n - 8 * ours - 5 * file);
        if (meant != NULL)
            report_warning(
                name, "is no setting, and has no effect; was %s%s meant? (from the environment)",
                meant, file ? "_FILE" : "");
    }
}

/* ---- files ---- */

/* Whether a setting names the file, or a command does. */
static bool is_named_by_setting(const struct settings *s, const char *name) {
    char path[LIMIT_PATH];
    int n = snprintf(path, sizeof path, SETTINGS_DIRECTORY "/%s", name);
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        const char *text = settings_text(s, id),
                   *place = s->value[id].origin == FROM_NAMED_FILE ? s->value[id].place : NULL;
        if ((text != NULL && strstr(text, path) != NULL)
            || (place != NULL && strncmp(place, path, (size_t)n) == 0))
            return true;
    }
    return false;
}

static bool is_known_name(const char *name) {
    static const char *const known[] = {
        POLICY_LIST_NAME, "users.d", "authorized_keys.host", "authorized_keys.repo", "roles",
        "tokens.d",       "tls"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (strcmp(name, settings_name(id)) == 0)
            return true;
    return name[0] == '.'; /* Kubernetes' ..data, and what nobody means to be read */
}

/* A name that looks like a setting's is an error: the directory is bastion's own, so whoever put
 * the file there meant its content to count. */
static void check_file(const struct settings *s, const char *name) {
    size_t n = without_end(name);
    const char *meant = nearest(name, n);
    if (is_known_name(name) || is_named_by_setting(s, name))
        return;
    char path[sizeof SETTINGS_DIRECTORY + 256];
    snprintf(path, sizeof path, SETTINGS_DIRECTORY "/%s", name);
    if (meant != NULL && strlen(meant) == n && strncmp(meant, name, n) == 0 && name[n] == '_')
        report_error(path,
                     "such names count in the environment alone, and it has no effect: put the "
                     "value itself into " SETTINGS_DIRECTORY "/%s",
                     meant);
    else if (meant != NULL && strlen(meant) == n && strncmp(meant, name, n) == 0)
        report_warning(path, "is no setting, and has no effect: a copy of %s, or was that meant?",
                       meant);
    else if (meant != NULL)
        report_error(path, "is no setting, and has no effect; was %s meant?", meant);
    else
        report_warning(path, "is not known, and has no effect");
}

void check_names(const struct subject *x) {
    if (!x->files)
        check_variables();
    DIR *dir = opendir(SETTINGS_DIRECTORY);
    if (dir == NULL && errno != ENOENT && errno != ENOTDIR)
        report_unseen(SETTINGS_DIRECTORY, "%s", strerror(errno));
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        check_file(x->settings, e->d_name);
    closedir(dir);
}
