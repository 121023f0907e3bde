/* log.h: where a line of the log goes. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Sends one line, whole: to standard error, unless that is the client's connection (as under inetd,
 * where 0, 1 and 2 are one socket) or fails; then to syslog's /dev/log (RFC 3164's form, facility
 * auth). The line is printable ASCII with a newline at its end, at most LIMIT_LOG_LINE bytes.
 * Returns 0, or -1 when nobody took it: then what it records must not happen. */
int log_line(const char *line, size_t n);

/* What standard error is. */
enum log_stderr {
    LOG_STDERR_UNKNOWN, /* log_line looks */
    LOG_STDERR_LOG,
    LOG_STDERR_CLIENT /* the client's, which gets no line */
};

/* Where the lines of this process go: one for the process, from its start to its end. A program
 * sets what it knows before its first line, or before it puts something else in the place of its
 * descriptors 0 and 1. */
struct log {
    enum log_stderr standard_error;
    bool is_file; /* standard error is a regular file */
    /* /dev/log is this program's own (bastion init), and what comes there goes to standard error
     * again: it is no other place for a line */
    bool is_syslog;
    int syslog; /* connected to it once and for all (log_keep_syslog), or -1 */
};
extern struct log log_target;

/* Finds out what standard error is now. */
enum log_stderr log_look(void);

/* Finds that out for log_target, and connects it to syslog, unless that is not asked for lines: for
 * a process that can open nothing later. */
void log_keep_syslog(void);

/* The processes that `bastion init` starts are told that /dev/log is its own by LOG_OWN_SYSLOG in
 * their environment, which they heed where it is the administrator's: a client that could say so
 * would keep its refusals out of the log. */
void log_heed(char *const *environment);
#define LOG_OWN_SYSLOG "BASTION_LOG=stderr"

/* Says on standard error why a program does not start, as one line: bastion PROGRAM: TEXT. Returns
 * the exit code for an error in the settings, 78. */
int log_no_start(const char *program, const char *text);

#endif
