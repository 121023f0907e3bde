/* proc_status.h: what the kernel says of this process in /proc/self/status (proc(5)). */
#ifndef TOOL_PROC_STATUS_H
#define TOOL_PROC_STATUS_H

#include <stdbool.h>

struct proc_status {
    char text[8192];
};

/* Reads it. False when it is not there: then all its numbers are 0. */
bool proc_status_read(struct proc_status *s);

/* The number that stands behind "NAME:", written to that base; 0 where there is none. */
unsigned long long proc_status_number(const struct proc_status *s, const char *name, int base);

#endif
