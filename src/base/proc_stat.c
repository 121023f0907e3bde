#include "base/proc_stat.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "PID (NAME) STATE PARENT GROUP SESSION ...": the name may hold anything, but no parenthesis comes
 * after its own. */
bool proc_stat_read(struct proc_stat *s, pid_t pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = fd_open(path, O_RDONLY);
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
    if (fd != -1)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    char *at = strrchr(text, ')');
    if (at == NULL || strlen(at) < 4)
        return false;
    s->has_ended = at[2] == 'Z' || at[2] == 'X';
    s->parent = (pid_t)strtol(at + 4, &at, 10);
    strtol(at, &at, 10);
    s->session = (pid_t)strtol(at, NULL, 10);
    return true;
}
