/* report.h: what `bastion check` has to say, a line each: errors on standard error, all else on
 * standard output. Whatever is not printable ASCII is \xHH there, so that no value and no file's
 * name can forge a line or steer a terminal. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdio.h>

#include "base/buf.h"

/* Something that is configured can't work. `name`: the setting, file or directory that it is about.
 * The text says what is wrong, where that stands, and what to do. */
void report_error(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An error's line as another part of bastion has made it, with the name in it. */
void report_error_line(const char *line);

/* The same for each line of several. */
void report_error_lines(const struct buf *lines);

/* Prints those of several lines that begin with `start`, each behind `before`, and counts them in
 * no verdict. Returns how many. */
unsigned report_plain_lines(FILE *to, const char *before, const struct buf *lines,
                            const char *start);

/* It works, but perhaps not as it is meant. */
void report_warning(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A warning about what the line above it shows; it stands indented. */
void report_remark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What this account, or nobody here, can look at. */
void report_unseen(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is so, and no error. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last line. Returns the exit code: 0, or 78 where there was an error. */
int report_verdict(void);

/* 78 where there was an error, else 0, with no line. */
int report_code(void);

#endif
