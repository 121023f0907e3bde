/* command.h: a command of bastion docker, its options and arguments, read as docker(1) does. */
#ifndef DOCKER_COMMAND_H
#define DOCKER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "limit.h"

/* An option that can be given several times. */
struct docker_list {
    size_t n;
    const char *at[LIMIT_DOCKER_LIST];
};

struct docker_flag {
    char letter; /* or NUL */
    const char *name;
    enum docker_flag_kind { FLAG_BOOL, FLAG_TEXT, FLAG_LIST, FLAG_NUMBER } kind;
    void *to; /* bool, const char *, struct docker_list, int */
    /* what is wrong with a value, or NULL; may be NULL itself */
    const char *(*check)(const char *);
};

struct docker_command {
    const char *name;
    unsigned where;                    /* the groups that have it */
    int (*run)(int argc, char **argv); /* of the arguments alone; returns the exit status */
    const struct docker_flag *flags;   /* the last has no name */
    int least, most;                   /* arguments; most = -1: any number */
    bool options_first;                /* the first argument ends the options */
    const char *usage, *what;
};

enum { DOCKER_USAGE = 125, DOCKER_HELP = -2 };

/* Reads options and arguments of `argv`, which begins behind the command's name, and leaves the
 * arguments alone in it. `called` is the command as the user calls it. Returns -1 when the command
 * is to run, *argc being the count of arguments, else the exit status: the error, or the help that
 * was asked for, has been printed. */
int docker_command_read(const struct docker_command *c, const char *called, int *argc, char **argv);

/* Reads options alone, up to the first word that is none. Returns the count of words used, -1 for
 * an error, which has been printed, or DOCKER_HELP for --help. *ended becomes true behind "--". */
int docker_flags_read(const struct docker_flag *flags, int argc, char **argv, bool *ended);

/* One line to standard error; what could steer a terminal is escaped (docker_show). */
void docker_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
