#include "core/replaced_mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/audit.h"
#include "core/policy.h"

#define STAMP "replaced"

bool replaced_mount_is(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0;
}

struct notes {
    int directory;
    const char *channel, *peer;
    bool read;
    struct buf known; /* a line for each that has been named: device, inode, path */
    char text[LIMIT_REPLACED];
};

static void read_stamp(struct notes *n) {
    int fd = openat(n->directory, STAMP, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    ssize_t got = fd == -1 ? 0 : fd_read_file(fd, n->text, sizeof n->text);
    fd_close(&fd);
    n->known = BUF_ON(n->text);
    n->known.len = got > 0 ? (size_t)got : 0;
    n->read = true;
}

/* One more in the stamp; those before go where there is no more room. */
static void add_to_stamp(struct notes *n, const char *line) {
    if (strlen(line) > n->known.cap - n->known.len)
        n->known.len = 0;
    buf_text(&n->known, line);
}

/* A function of its own, as is the struct: both are large, and seldom needed. */
__attribute__((noinline)) static void note_replaced(struct notes *n, const char *path) {
    char line[LIMIT_PATH + 64], text[LIMIT_PATH + 256];
    struct stat st;
    if (stat(path, &st) == -1)
        return;
    if (!n->read)
        read_stamp(n);
    snprintf(line, sizeof line, "%llx:%llx %s\n", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, path);
    if (memmem(n->known.at, n->known.len, line, strlen(line)) != NULL)
        return;
    add_to_stamp(n, line);
    /* First kept, then said: where it can't be kept it would be said at every request. */
    if (fd_put_file(n->directory, STAMP, n->known.at, n->known.len, 0600, false) == -1)
        return;
    snprintf(text, sizeof text, "%s: " REPLACED_MOUNT, path);
    audit_error(n->channel, n->peer, text);
}

void replaced_mount_note(const struct settings *s, bool list, int directory, const char *channel,
                         const char *peer) {
    static struct notes n;
    static char path[LIMIT_PATH + 64];
    bool begun = false;
    for (unsigned i = 0; i <= SETTING_COUNT && directory != -1; i++) {
        bool is_list = i == SETTING_COUNT;
        const struct settings_value *v = &s->value[is_list ? 0 : i];
        const char *found = path;
        if (is_list && list)
            found = s->list != NULL ? s->list : POLICY_LIST;
        else if (!is_list && v->origin == FROM_NAMED_FILE)
            found = v->place;
        else if (!is_list && v->origin == FROM_DIRECTORY)
            snprintf(path, sizeof path, "%s/%s", v->place, settings_name((enum setting)i));
        else
            continue;
        if (!replaced_mount_is(found))
            continue;
        if (!begun) {
            n.directory = directory;
            n.channel = channel;
            n.peer = peer;
            n.read = false;
        }
        begun = true;
        note_replaced(&n, found);
    }
}
