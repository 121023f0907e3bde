#include "tool/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "limit.h"

static unsigned errors, warnings, unseen;

static void put(FILE *to, const char *text) {
    for (; *text != '\0'; text++)
        if (*text >= ' ' && *text <= '~')
            fputc(*text, to);
        else
            fprintf(to, "\\x%02x", (unsigned char)*text);
}

/* Where both go to one place they stand there in their order. */
__attribute__((format(printf, 4, 0))) static void line(FILE *to, const char *mark, const char *name,
                                                       const char *format, va_list args) {
    static char text[2 * LIMIT_PATH + 1024];
    vsnprintf(text, sizeof text, format, args);
    if (to == stderr)
        fflush(stdout);
    fputs(mark, to);
    if (name != NULL) {
        put(to, name);
        fputs(": ", to);
    }
    put(to, text);
    fputc('\n', to);
}

#define LINE(to, mark, name)                                                                       \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    line(to, mark, name, format, args);                                                            \
    va_end(args)

void report_error(const char *name, const char *format, ...) {
    LINE(stderr, "fault: ", name);
    errors++;
}

void report_error_line(const char *text) {
    fflush(stdout);
    fputs("fault: ", stderr);
    put(stderr, text);
    fputc('\n', stderr);
    errors++;
}

void report_warning(const char *name, const char *format, ...) {
    LINE(stdout, "warning: ", name);
    warnings++;
}

void report_remark(const char *format, ...) {
    LINE(stdout, "  warning: ", NULL);
    warnings++;
}

void report_unseen(const char *name, const char *format, ...) {
    LINE(stdout, "not looked at: ", name);
    unseen++;
}

void report_line(const char *format, ...) { LINE(stdout, "", NULL); }

int report_code(void) { return errors > 0 ? 78 : 0; }

static void count(struct buf *b, unsigned n, const char *one, const char *many) {
    if (n > 0)
        buf_format(b, "%s%u %s", b->len > 0 ? ", " : "", n, n == 1 ? one : many);
}

int report_verdict(void) {
    char text[128];
    struct buf b = BUF_ON(text);
    count(&b, errors, "fault", "faults");
    count(&b, warnings, "warning", "warnings");
    count(&b, unseen, "thing not looked at", "things not looked at");
    const char *counts = buf_string(&b);
    if (errors > 0)
        printf("It does not work like this: %s.\n", counts);
    else
        printf("What is configured can work%s%s.\n", b.len > 0 ? ": " : "", counts);
    return report_code();
}
