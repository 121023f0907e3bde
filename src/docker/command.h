/* command.h: a command of bastion docker, its options and arguments, read as docker(1) does. */
#ifndef DOCKER_COMMAND_H
#define DOCKER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "limit.h"

/* An option that can be given several times. */
struct docker_list {
    size_t n;
    const char *at[LIMIT_DOCKER_LIST];
};

struct docker_flag {
    char letter; /* or NUL */
    const char *name;
    enum docker_flag_kind {
        DOCKER_FLAG_BOOL,
        DOCKER_FLAG_TEXT,
        DOCKER_FLAG_LIST,
        DOCKER_FLAG_NUMBER
    } kind;
    void *to; /* where its value goes: a bool, const char *, struct docker_list or int, by `kind` */
    /* Whether a value will do; if not, *why has the reason. NULL: any will. */
    bool (*check)(const char *value, struct buf *why);
    bool *given; /* becomes true when the option is there at all; may be NULL */
};

struct docker_command {
    const char *name;
    unsigned where;                    /* the groups of commands that have it, as bits */
    int (*run)(int argc, char **argv); /* of the arguments alone; returns the exit status */
    const struct docker_flag *flags;   /* the last has no name */
    int least, most;                   /* arguments; most = -1: any number */
    bool options_first;                /* the first argument ends the options */
    const char *usage, *what;
};

/* Exit statuses that docker(1) has for a wrong option, and for a --format that is no template. */
enum { DOCKER_USAGE = 125, DOCKER_NO_TEMPLATE = 64 };

/* What reading options came to. */
enum docker_flags_result {
    DOCKER_FLAGS_READ,
    DOCKER_FLAGS_HELP, /* --help was among them */
    DOCKER_FLAGS_WRONG /* which has been reported */
};

/* Reads options and arguments of `argv`, which begins behind the command's name, and leaves the
 * arguments alone in it, *argc being their count. `called` is the command as the user calls it.
 * True: the command is to run. False: it is not, and *status is the exit status; the error, or the
 * help that was asked for, has been printed. */
bool docker_command_read(const struct docker_command *c, const char *called, int *argc, char **argv,
                         int *status);

/* Reads options alone, up to the first word that is none. *used is the count of words read; *ended
 * becomes true behind "--". */
enum docker_flags_result docker_flags_read(const struct docker_flag *flags, int argc, char **argv,
                                           int *used, bool *ended);

/* One line to standard error; what could steer a terminal is escaped (docker_show). */
void docker_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
