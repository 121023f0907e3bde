/* template_call.h: a call of a function in a template, for the files that have the functions. */
#ifndef DOCKER_TEMPLATE_CALL_H
#define DOCKER_TEMPLATE_CALL_H

#include "docker/template_run.h"

/* A call: the function's name, its arguments, and the node [from, to) for messages. */
struct template_call {
    struct template_run *r;
    const char *name;
    const struct slice *argument;
    size_t n;
    const char *from, *to;
};

/* Ends the run with a message about the call. */
#define TEMPLATE_FAIL(c, ...) template_fail((c)->r, (c)->from, (c)->from, (c)->to, __VA_ARGS__)

/* An argument that must be a string, its text put into the arena. */
struct slice template_text_argument(const struct template_call *c, size_t i);
/* An argument that must be a number from 0 to LIMIT_DOCKER_MESSAGE. */
uint64_t template_count_argument(const struct template_call *c, size_t i);

/* Values for a function to return: what was added to the arena since `from`, as a string; a
 * boolean; a number. */
struct slice template_string_since(const struct template_call *c, size_t from);
struct slice template_bool_value(bool value);
struct slice template_number_value(const struct template_call *c, size_t value);

/* The functions that docker(1) adds to Go's (template_docker.c), and those that print
 * (template_print.c). */
struct slice template_f_json(const struct template_call *c);
struct slice template_f_split(const struct template_call *c);
struct slice template_f_join(const struct template_call *c);
struct slice template_f_title(const struct template_call *c);
struct slice template_f_lower(const struct template_call *c);
struct slice template_f_upper(const struct template_call *c);
struct slice template_f_pad(const struct template_call *c);
struct slice template_f_truncate(const struct template_call *c);
struct slice template_f_print(const struct template_call *c);
struct slice template_f_println(const struct template_call *c);
struct slice template_f_printf(const struct template_call *c);

#endif
