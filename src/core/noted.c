#include "core/noted.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "core/audit.h"
#include "limit.h"
#include "wire/slice.h"

static bool has_line(struct slice text, struct slice line) {
    while (text.n > 0) {
        struct slice other = slice_take_line(&text);
        if (other.n == line.n && memcmp(other.at, line.at, line.n) == 0)
            return true;
    }
    return false;
}

/* (A function of its own, for the large piece of the stack.) */
__attribute__((noinline)) static void log_line_of(struct slice line, const char *channel,
                                                  const char *peer) {
    char text[LIMIT_PATH + 256];
    snprintf(text, sizeof text, "%.*s", (int)line.n, line.at);
    if (peer == NULL)
        audit_notice(channel, text);
    else
        audit_error(channel, peer, text);
}

void noted_log(int directory, const char *file, const struct buf *lines, const char *channel,
               const char *peer) {
    static char known[LIMIT_KEY_ERRORS + LIMIT_TOKEN_ERRORS]; /* large; more than either writes */
    int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd == -1 ? 0 : fd_read_file(fd, known, sizeof known);
    fd_close(&fd);
    struct slice before = {known, n > 0 ? (size_t)n : 0}, rest = {lines->at, lines->len};
    if (before.n == rest.n && memcmp(known, rest.at, before.n) == 0)
        return;
    if (fd_put_file(directory, file, rest.at, rest.n, 0600, false) == -1)
        return;
    while (rest.n > 0) {
        struct slice line = slice_take_line(&rest);
        if (!has_line(before, line))
            log_line_of(line, channel, peer);
    }
}
