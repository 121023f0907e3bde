/* settings_sources.c: where values come from: the environment, files that it names, directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/fd.h"
#include "base/small_file.h"
#include "core/listed.h"
#include "core/settings_export.h"
#include "core/settings_parts.h"

static bool is_read(const struct settings_reading *r, enum setting id) {
    return (settings_needed(id, r->needs) || settings_is_place(id)) && !settings_is_roles_alone(id);
}

/* Takes an open file's content, less one final newline, as the value; closes it. Empty is no
 * value. */
static int take_value_file(const struct settings_reading *r, enum setting id, int fd) {
    struct settings *s = r->s;
    struct stat st;
    size_t n, room = sizeof s->store - s->stored;
    char *text = s->store + s->stored;
    const char *wrong =
        small_file_read(fd, text, room < LIMIT_VALUE + 2 ? room : LIMIT_VALUE + 2, &n, &st);
    close(fd);
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n > LIMIT_VALUE)
        wrong = "too long";
    else if (memchr(text, '\0', n) != NULL)
        wrong = "has a NUL byte";
    if (wrong != NULL)
        return settings_note_error(r, id, wrong);
    if (n == 0)
        return 0;
    text[n] = '\0';
    s->stored += n + 1;
    s->value[id].text = text;
    s->value[id].n = n;
    return 0;
}

static void take_text(struct settings_value *v, char *text) {
    v->text = text;
    v->n = strlen(text);
    v->origin = FROM_ENVIRONMENT;
}

/* Kubernetes gives every container variables for the services of its namespace: one with the name
 * http makes HTTP_PORT=tcp://10.0.0.7:80. */
static bool is_service_link(const char *value) {
    static const char *const starts[] = {"tcp://", "udp://", "sctp://"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(value, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* A path as it is from anywhere. NULL where that takes more room than there is. */
static const char *absolute_path(struct settings *s, const char *path) {
    char here[LIMIT_PATH];
    char *text = s->store + s->stored;
    size_t room = sizeof s->store - s->stored;
    if (path[0] == '/')
        return path;
    int n = getcwd(here, sizeof here) == NULL ? -1 : snprintf(text, room, "%s/%s", here, path);
    if (n < 0 || (size_t)n >= room)
        return NULL;
    s->stored += (size_t)n + 1;
    return text;
}

static int read_named_file(const struct settings_reading *r, enum setting id) {
    struct settings *s = r->s;
    struct settings_value *v = &s->value[id];
    v->origin = FROM_NAMED_FILE;
    v->place = s->named_file[id];
    int fd = small_file_open(AT_FDCWD, v->place);
    if (fd == -1)
        return settings_note_error(r, id, strerror(errno));
    if (take_value_file(r, id, fd) == -1)
        return -1;
    return v->text == NULL && v->origin == FROM_NAMED_FILE ? settings_note_error(r, id, "empty")
                                                           : 0;
}

/* NAME=value and NAME_FILE=path; the first of a name counts, as for getenv(3), and NAME wins. */
int settings_read_environment(const struct settings_reading *r) {
    struct settings *s = r->s;
    for (char *const *environment = r->places->environment; *environment != NULL; environment++) {
        char *equals = strchr(*environment, '=');
        if (equals == NULL || equals[1] == '\0')
            continue;
        size_t n = (size_t)(equals - *environment);
        bool named_file = settings_is_file_form(*environment, n);
        enum setting id = settings_find(*environment, named_file ? n - 5 : n);
        if (id == SETTING_COUNT || settings_is_roles_alone(id))
            continue;
        if (named_file && s->named_file[id] == NULL
            && (s->named_file[id] = absolute_path(s, equals + 1)) == NULL)
            return settings_note_error(r, id, "the path of its file is too long");
        if (!named_file && settings_is_port(id) && is_service_link(equals + 1))
            s->value[id].link = equals + 1;
        else if (!named_file && is_read(r, id) && s->value[id].text == NULL)
            take_text(&s->value[id], equals + 1);
    }
    int result = 0;
    for (enum setting id = 0; id < SETTING_COUNT && result == 0; id++) {
        if (s->value[id].n > LIMIT_VALUE)
            result = settings_forgive(r, id, settings_note_error(r, id, "too long"));
        if (result == 0 && s->value[id].text == NULL && s->named_file[id] != NULL && is_read(r, id))
            result = settings_forgive(r, id, read_named_file(r, id));
    }
    return result;
}

int settings_read_entry(const struct settings_reading *r, int dir, const char *directory,
                        enum setting id) {
    struct settings *s = r->s;
    struct settings_value *v = &s->value[id];
    int fd = (r->is_role ? small_file_open_inside : small_file_open)(dir, settings_name(id));
    if (fd == -1 && errno == ENOENT)
        return 0;
    v->origin = FROM_DIRECTORY;
    v->place = directory;
    int result =
        fd == -1 ? settings_note_error(r, id, small_file_error(errno)) : take_value_file(r, id, fd);
    if (v->text == NULL)
        v->origin = FROM_NOWHERE;
    return result;
}

/* Finds out which settings have a file there. A directory is mostly empty, and always in reach as
 * a whole or not at all: where it can't be listed, each may have one. `dir` stays open. */
static void find_entries(int dir, bool is_listed, bool has_file[SETTING_COUNT]) {
    struct directory d;
    directory_take(&d, dir);
    for (const char *name; (name = directory_next(&d, NULL)) != NULL;) {
        if (is_listed)
            listed_add(name);
        enum setting id = settings_find(name, strlen(name));
        if (id != SETTING_COUNT)
            has_file[id] = true;
    }
    if (is_listed && !d.failed)
        listed_end();
    for (enum setting id = 0; id < SETTING_COUNT && d.failed; id++)
        has_file[id] = true;
}

int settings_read_directory(const struct settings_reading *r, const char *directory) {
    struct settings *s = r->s;
    bool is_snapshot = strcmp(directory, SETTINGS_EXPORT) == 0,
         is_listed = strcmp(directory, SETTINGS_DIRECTORY) == 0; /* core/listed.h */
    if (is_snapshot && !settings_export_counts())
        return 0;
    if (is_listed)
        listed_begin();
    int dir = fd_open(directory, O_RDONLY | O_DIRECTORY);
    if (dir == -1 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    const char *wrong = dir == -1 ? strerror(errno) : NULL;
    if (wrong != NULL)
        return settings_note_directory_error(r, directory, wrong);
    bool has_file[SETTING_COUNT] = {false};
    int result = 0;
    find_entries(dir, is_listed, has_file);
    for (enum setting id = 0; id < SETTING_COUNT && result == 0; id++) {
        if (is_snapshot && s->named_file[id] == NULL)
            s->named_file[id] =
                settings_export_named_file(dir, settings_name(id), s->store + s->stored,
                                           sizeof s->store - s->stored, &s->stored);
        if (has_file[id] && s->value[id].text == NULL && is_read(r, id))
            result = settings_forgive(r, id, settings_read_entry(r, dir, directory, id));
    }
    close(dir);
    return result;
}
