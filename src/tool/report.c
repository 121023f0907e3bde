#include "tool/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "limit.h"

/* How many lines of each kind there were. One report is made in a process, on its two standard
 * streams, which are the process's too. */
static unsigned errors, warnings, unseen;

static void put_printable(FILE *to, const char *text) {
    for (; *text != '\0'; text++)
        if (*text >= ' ' && *text <= '~')
            fputc(*text, to);
        else
            fprintf(to, "\\x%02x", (unsigned char)*text);
}

/* What is still to be printed goes first, so that where both go to one place the lines stand there
 * in their order. */
__attribute__((format(printf, 4, 0))) static void put_line(FILE *to, const char *mark,
                                                           const char *name, const char *format,
                                                           va_list args) {
    char text[2 * LIMIT_PATH + 1024];
    vsnprintf(text, sizeof text, format, args);
    if (to == stderr)
        fflush(stdout);
    fputs(mark, to);
    if (name != NULL) {
        put_printable(to, name);
        fputs(": ", to);
    }
    put_printable(to, text);
    fputc('\n', to);
}

#define LINE(to, mark, name)                                                                       \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    put_line(to, mark, name, format, args);                                                        \
    va_end(args)

void report_error(const char *name, const char *format, ...) {
    LINE(stderr, "fault: ", name);
    errors++;
}

void report_error_line(const char *text) {
    fflush(stdout);
    fputs("fault: ", stderr);
    put_printable(stderr, text);
    fputc('\n', stderr);
    errors++;
}

void report_error_lines(const struct buf *lines) {
    for (const char *at = lines->at; at < lines->at + lines->len; at += strcspn(at, "\n") + 1) {
        char line[LIMIT_PATH + 512];
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        report_error_line(line);
    }
}

unsigned report_plain_lines(FILE *to, const char *before, const struct buf *lines,
                            const char *start) {
    unsigned n = 0;
    for (const char *at = lines->at; at < lines->at + lines->len; at += strcspn(at, "\n") + 1)
        if (strncmp(at, start, strlen(start)) == 0) {
            fprintf(to, "%s%.*s\n", before, (int)strcspn(at, "\n"), at);
            n++;
        }
    return n;
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

static void add_count(struct buf *b, unsigned n, const char *one, const char *many) {
    if (n > 0)
        buf_format(b, "%s%u %s", b->len > 0 ? ", " : "", n, n == 1 ? one : many);
}

int report_verdict(void) {
    char text[128];
    struct buf b = BUF_ON(text);
    add_count(&b, errors, "fault", "faults");
    add_count(&b, warnings, "warning", "warnings");
    add_count(&b, unseen, "thing not looked at", "things not looked at");
    const char *counts = buf_string(&b);
    if (errors > 0)
        printf("It does not work like this: %s.\n", counts);
    else
        printf("What is configured can work%s%s.\n", b.len > 0 ? ": " : "", counts);
    return report_code();
}
