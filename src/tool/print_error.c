#include "tool/print_error.h"

#include <stdarg.h>
#include <stdio.h>

int print_error(const char *program, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "bastion %s: ", program);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return 71;
}
