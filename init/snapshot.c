#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* What comes from a file of /etc/bastion stays there, so that an edit of it counts. */
static bool is_wanted(const struct settings *s, enum setting id) {
    enum settings_origin origin = s->value[id].origin;
    return settings_needed(id, NEED_RUN | NEED_ACCOUNT) && !settings_is_secret(id) &&
           (origin == FROM_ENVIRONMENT || origin == FROM_NAMED_FILE);
}

/* The value, with the final newline that its reader takes away. */
static int put(int folder, const struct settings *s, enum setting id) {
    static char text[LIMIT_VALUE + 1];
    const struct settings_value *v = &s->value[id];
    memcpy(text, v->text, v->n);
    text[v->n] = '\n';
    return fd_put_file(folder, settings_name(id), text, v->n + 1, 0644, false);
}

static int fill(int folder, const struct settings *s) {
    for (enum setting id = 0; id < SETTINGS; id++) {
        bool wanted = is_wanted(s, id);
        if (wanted && put(folder, s, id) == -1)
            return -1;
        if (!wanted && unlinkat(folder, settings_name(id), 0) == -1 && errno != ENOENT)
            return -1;
    }
    return 0;
}

int snapshot_write(const struct settings *s, const char *folder) {
    char path[LIMIT_PATH];
    snprintf(path, sizeof path, "%s/settings", folder);
    if (mkdir(path, 0755) == -1 && errno != EEXIST)
        return -1;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir == -1)
        return -1;
    int result = fill(dir, s), error = errno;
    close(dir);
    errno = error;
    return result;
}
