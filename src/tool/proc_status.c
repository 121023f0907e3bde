#include "tool/proc_status.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

bool proc_status_read(struct proc_status *s) {
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : fd_read_file(fd, s->text, sizeof s->text - 1);
    fd_close(&fd);
    s->text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

unsigned long long proc_status_number(const struct proc_status *s, const char *name, int base) {
    char start[64];
    int n = snprintf(start, sizeof start, "\n%s:", name);
    const char *at = strstr(s->text, start);
    return at == NULL ? 0 : strtoull(at + n, NULL, base);
}
