#include "core/settings_export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/writers.h"
#include "core/settings.h"

#define LOCK_FILE ".init"

/* The bytes that are locked: the first by who owns the directory, before anything is written to it
 * and until the end; the second by the same process as soon as all is written. */
enum { LOCK_OWNED, LOCK_WHOLE };

/* ---- writing ---- */

static int directory = -1, lock_fd = -1;

static int lock_byte(int byte) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(lock_fd, F_SETLK, &l);
}

/* What comes from a file of SETTINGS_DIRECTORY stays there, so that an edit of it counts. */
static bool is_exported(const struct settings *s, enum setting id) {
    enum settings_origin origin = s->value[id].origin;
    return (settings_needed(id, NEED_RUN | NEED_ACCOUNT | NEED_PROXIES) || settings_is_place(id))
           && !settings_is_secret(id) && (origin == FROM_ENVIRONMENT || origin == FROM_NAMED_FILE);
}

/* The value, with the final newline that its reader takes away. */
static int put_value(const struct settings *s, enum setting id) {
    static char text[LIMIT_VALUE + 1];
    const struct settings_value *v = &s->value[id];
    memcpy(text, v->text, v->n);
    text[v->n] = '\n';
    return fd_put_file(directory, settings_name(id), text, v->n + 1, 0644, false);
}

static int put_link(const struct settings *s, enum setting id) {
    char name[64];
    snprintf(name, sizeof name, "%s_FILE", settings_name(id));
    return symlinkat(s->named_file[id], directory, name);
}

/* Takes away all but the lock; what is no file is nothing of ours. */
static void empty_directory(void) {
    DIR *dir = fdopendir(dup(directory));
    if (dir == NULL)
        return;
    rewinddir(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, LOCK_FILE) != 0)
            unlinkat(directory, e->d_name, 0);
    closedir(dir);
}

static int fill_directory(const struct settings *s) {
    int result = 0;
    empty_directory();
    for (enum setting id = 0; id < SETTING_COUNT && result == 0; id++) {
        if (is_exported(s, id))
            result = put_value(s, id);
        if (result == 0 && s->named_file[id] != NULL)
            result = put_link(s, id);
    }
    return result == 0 ? lock_byte(LOCK_WHOLE) : -1;
}

/* Returns 1 when this process owns the directory now, 0 when another one does, -1 with errno. */
static int own_directory(void) {
    struct stat st;
    if (mkdir(SETTINGS_EXPORT, 0755) == -1 && errno != EEXIST)
        return -1;
    directory = open(SETTINGS_EXPORT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory == -1)
        return -1;
    lock_fd =
        openat(directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    bool locked = lock_fd != -1 && lock_byte(LOCK_OWNED) == 0,
         taken = lock_fd != -1 && !locked && (errno == EAGAIN || errno == EACCES);
    if (locked && fstat(lock_fd, &st) == 0 && st.st_nlink > 0)
        return 1;
    int error = locked ? EAGAIN : errno; /* its last owner took it away meanwhile */
    fd_close(&directory);
    fd_close(&lock_fd);
    errno = error;
    return taken ? 0 : -1;
}

int settings_export_write(const struct settings *s) {
    int owned = 0;
    if (geteuid() != 0)
        return 0;
    for (int attempt = 0;
         attempt < 3 && (owned = own_directory()) == -1 && (errno == EAGAIN || errno == ENOENT);
         attempt++) {
    }
    return owned == 1 && fill_directory(s) == -1 ? -1 : owned;
}

void settings_export_remove(void) {
    if (lock_fd == -1)
        return;
    empty_directory();
    unlinkat(directory, LOCK_FILE, 0); /* last: whoever comes now makes another */
    rmdir(SETTINGS_EXPORT);
    fd_close(&directory);
    fd_close(&lock_fd);
}

/* ---- reading ---- */

bool settings_export_counts(void) {
    struct writers w;
    struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = LOCK_WHOLE, .l_len = 1};
    int fd = open(SETTINGS_EXPORT "/" LOCK_FILE,
                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd == -1)
        return false;
    bool counts = writers_find(&w, SETTINGS_EXPORT "/" LOCK_FILE, NULL, NULL, NULL) == 0
                  && S_ISREG(w.st.st_mode) && fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK;
    close(fd);
    return counts;
}

const char *settings_export_named_file(int dir, const char *name, char *text, size_t room,
                                       size_t *used) {
    char link[64];
    snprintf(link, sizeof link, "%s_FILE", name);
    ssize_t n = readlinkat(dir, link, text, room);
    if (n <= 0 || (size_t)n >= room)
        return NULL;
    text[n] = '\0';
    *used += (size_t)n + 1;
    return text;
}
