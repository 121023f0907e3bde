/* log.h: where a line of the log goes. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

/* Sends one line, whole: to standard error, unless that is the client's connection (as under inetd,
 * where 0, 1 and 2 are one socket) or fails; then to syslog's /dev/log (RFC 3164's form, facility
 * auth). The line is printable ASCII with a newline at its end, at most LIMIT_LOG_LINE bytes.
 * Returns 0, or -1 when nobody took it: then what it records must not happen. */
int log_line(const char *line, size_t n);

/* Finds out now what standard error is: for a program that will put something else in the place of
 * 0 and 1. */
void log_look(void);

/* The same, and connects to syslog, unless that is not asked for lines: for a process that can open
 * nothing later. */
void log_keep_syslog(void);

/* From now on standard error is the client's, whatever it is: it gets no line. */
void log_spare_stderr(void);

/* From now on lines go over the connected stream socket `fd` to somebody who logs them and answers
 * each with a byte, '+' or '-'; when nobody is there any more, to syslog. */
void log_through(int fd);

/* /dev/log is this program's own (bastion init), and what comes there goes to standard error again:
 * from now on it is no other place for a line. The processes that it starts are told by
 * LOG_OWN_SYSLOG in their environment, which they heed where it is the administrator's: a client
 * that could say so would keep its refusals out of the log. */
void log_own_syslog(void);
void log_heed(char *const *environment);
#define LOG_OWN_SYSLOG "BASTION_LOG=stderr"

/* Says on standard error why a program does not start, as one line: bastion PROGRAM: TEXT. Returns
 * the exit code for an error in the settings, 78. */
int log_no_start(const char *program, const char *text);

#endif
