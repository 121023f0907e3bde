/* print_error.h: an error of a program for people, as one line. */
#ifndef TOOL_PRINT_ERROR_H
#define TOOL_PRINT_ERROR_H

/* Prints "bastion PROGRAM: " and the text on standard error. Returns 71, the exit status of what
 * the system would not do (sysexits.h). */
int print_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
