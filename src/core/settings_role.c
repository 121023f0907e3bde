/* settings_role.c: the settings of a role: those of its folder, and what it lacks from outside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/small_file.h"
#include "core/policy.h"
#include "core/protect.h"
#include "core/settings_parts.h"

/* What a role has of its own counts as needed by every channel, so that what is wrong with it does
 * not depend on who asks. */
enum { NEEDS = NEED_RUN | NEED_HTTP | NEED_ACCOUNT };

static void inherit(struct settings *s, const struct settings *outside) {
    s->stored = 0;
    s->error[0] = '\0';
    s->list = outside->list;
    memcpy(s->value, outside->value, sizeof s->value);
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        s->named_file[id] = NULL; /* that is read, and judged, already */
        if (settings_is_secret(id) || settings_is_roles_alone(id))
            s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
    }
}

/* What decides what runs is one thing, of which the list is a part: nothing of it comes from
 * outside where the role has any. False where there is no room. */
static bool begin_own_command(struct settings *s, const char *folder) {
    static const enum setting parts[] = {SETTING_FORCE_COMMAND, SETTING_ALLOWED_COMMANDS,
                                         SETTING_COMMAND_PREFIX};
    char *list = s->store + s->stored;
    size_t room = sizeof s->store - s->stored;
    int n = snprintf(list, room, "%s/" POLICY_LIST_NAME, folder);
    if (n < 0 || (size_t)n >= room)
        return false;
    s->stored += (size_t)n + 1;
    s->list = list;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        s->value[parts[i]] = (struct settings_value){.origin = FROM_NOWHERE};
    return true;
}

static bool is_command(enum setting id) {
    return id == SETTING_FORCE_COMMAND || id == SETTING_ALLOWED_COMMANDS
           || id == SETTING_COMMAND_PREFIX;
}

/* Finds out what there is. */
static void list_folder(DIR *dir, bool present[SETTING_COUNT], bool *own_command) {
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        enum setting id = settings_find(e->d_name, strlen(e->d_name));
        if (id != SETTING_COUNT)
            present[id] = true;
        if ((id != SETTING_COUNT && is_command(id)) || strcmp(e->d_name, POLICY_LIST_NAME) == 0)
            *own_command = true;
    }
}

static int read_own(const struct settings_reading *r, int dir, const char *folder,
                    enum setting id) {
    struct settings_value *v = &r->s->value[id];
    *v = (struct settings_value){.origin = FROM_DIRECTORY, .place = folder};
    if (!settings_is_roles(id))
        return settings_note_error(r, id, "no role may have one of its own");
    if (settings_is_secret(id))
        return 0;
    if (settings_read_entry(r, dir, folder, id) == -1 || settings_check_value(r, id) == -1)
        return -1;
    return settings_check_writer(r, id);
}

static int read_folder(const struct settings_reading *r, DIR *dir, const char *folder) {
    bool present[SETTING_COUNT] = {false}, own_command = false;
    list_folder(dir, present, &own_command);
    if (own_command && !begin_own_command(r->s, folder))
        return settings_note_directory_error(r, folder, "too long a path");
    if (own_command && !small_file_is_inside(AT_FDCWD, r->s->list))
        return settings_note_directory_error(r, r->s->list, small_file_error(EXDEV));
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (present[id] && read_own(r, dirfd(dir), folder, id) == -1)
            return -1;
    return 0;
}

int settings_read_role(struct settings *s, const struct settings *outside, const char *role,
                       const char *folder) {
    const struct settings_reading r = {.s = s, .needs = NEEDS, .is_role = true};
    inherit(s, outside);
    s->role = role;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return settings_note_directory_error(&r, folder, strerror(errno));
    int result = settings_check_directory(&r, folder);
    if (result == 0)
        result = read_folder(&r, dir, folder);
    closedir(dir);
    return result;
}

/* ---- its credentials ---- */

static const char *read_secret(enum setting id, const char *path, char *text, size_t *n) {
    struct stat st;
    struct settings_value v = {.text = text};
    static char wrong_text[SETTINGS_WRONG > LIMIT_ERROR ? SETTINGS_WRONG : LIMIT_ERROR];
    bool link;
    int fd = small_file_open_direct(AT_FDCWD, path, true, &link);
    if (fd == -1 && !link && errno == ENOENT)
        return NULL;
    if (fd == -1)
        return small_file_is_missing(AT_FDCWD, path) ? NULL : small_file_error(errno);
    const char *wrong = small_file_read(fd, text, LIMIT_SECRET + 2, n, &st);
    if (wrong == NULL)
        wrong = link ? protect_refuses(path, PROTECT_SETTING, wrong_text)
                     : protect_refuses_open(path, &st, PROTECT_SETTING, wrong_text);
    fd_close(&fd);
    if (*n > 0 && text[*n - 1] == '\n')
        --*n;
    text[*n] = '\0';
    v.n = *n;
    if (wrong == NULL && memchr(text, '\0', *n) != NULL)
        wrong = "has a NUL byte";
    return wrong != NULL || *n == 0 ? wrong : settings_wrong_value(&v, id, wrong_text);
}

int settings_read_role_secret(enum setting id, const char *folder, char text[LIMIT_SECRET + 2],
                              size_t *n, char error[LIMIT_ERROR]) {
    char path[LIMIT_PATH + 64];
    *n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, settings_name(id));
    const char *wrong = read_secret(id, path, text, n);
    if (wrong == NULL)
        return *n > 0;
    snprintf(error, LIMIT_ERROR, "%s: %s", path, wrong);
    return -1;
}
