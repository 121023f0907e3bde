#include "accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/run_directory.h"
#include "core/runas.h"

static gid_t own_group(const struct settings *s) {
    return geteuid() == 0 ? (gid_t)settings_number(s, SETTING_SSH_GID) : getegid();
}

enum { ACCOUNTS_TEXT = 4 * LIMIT_USER }; /* of a file: at most three names, and a hundred bytes */

static int write_file(const char *name, const struct buf *b) {
    int directory = open(RUN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = directory == -1 ? -1 : fd_put_file(directory, name, b->at, b->len, 0644, false);
    int error = errno;
    fd_close(&directory);
    errno = error;
    return result;
}

static int write_users(const struct settings *s) {
    char text[ACCOUNTS_TEXT];
    struct buf b = BUF_ON(text);
    unsigned uid = geteuid() == 0 ? (unsigned)settings_number(s, SETTING_SSH_UID) : geteuid();
    buf_text(&b, "root:x:0:0:root:/nonexistent:/nonexistent\n");
    buf_format(&b, "%s:x:%u:%u:bastion:/home/agent:/bin/bastion\n",
               settings_text(s, SETTING_SSH_USER), uid, own_group(s));
    return write_file("passwd", &b);
}

/* `has_socket`: the group of the Docker socket is `group`. */
static int write_groups(struct accounts *a, const struct settings *s, bool has_socket,
                        gid_t group) {
    char text[ACCOUNTS_TEXT];
    struct buf b = BUF_ON(text);
    const char *user = settings_text(s, SETTING_SSH_USER);
    gid_t own = own_group(s);
    buf_format(&b, "root:x:0:%s\n", has_socket && group == 0 ? user : "");
    buf_format(&b, "%s:x:%u:\n", user, own);
    if (has_socket && group != 0 && group != own)
        buf_format(&b, "docker:x:%u:%s\n", group, user);
    *a = (struct accounts){has_socket, group};
    return write_file("group", &b);
}

int accounts_write(struct accounts *a, const struct settings *s, char *const *environment) {
    gid_t group = 0;
    bool has = runas_docker_group(&group, s, environment);
    return write_users(s) == -1 ? -1 : write_groups(a, s, has, group);
}

bool accounts_refresh_groups(struct accounts *a, const struct settings *s, char *const *environment,
                             bool in_container) {
    gid_t group = 0;
    bool has = runas_docker_group(&group, s, environment);
    if (has == a->has_socket && group == a->socket_group)
        return false;
    if (in_container)
        write_groups(a, s, has, group);
    *a = (struct accounts){has, group};
    return true;
}
